/** Every key of the file, for people; `docs/configuration.md` is generated from it. */
export const CONFIG_KEYS: readonly { key: string; default: string; meaning: string }[] = [
  { key: 'workspace.channel', default: '#oom', meaning: 'channel for kills that no route matches' },
  {
    key: 'routes[].tags',
    default: '(required)',
    meaning: 'a host with all of these tags takes this route; the first match wins',
  },
  { key: 'routes[].channel', default: '(required)', meaning: 'where kills on these hosts are posted' },
  {
    key: 'routes[].mention',
    default: 'nobody',
    meaning: 'a user (U…) or user group (S…) that each announcement notifies, once in a storm; edits notify nobody',
  },
  {
    key: 'webhooks[].format',
    default: '(required)',
    meaning: 'cloudevents (every incident, as signed JSON) or pagerduty (alerts by Events API v2); see webhooks.md',
  },
  {
    key: 'webhooks[].url',
    default: 'for pagerduty its own',
    meaning: 'where to send; https://, or http:// to this machine alone',
  },
  {
    key: 'webhooks[].tags',
    default: '[]',
    meaning: 'only hosts with all of these tags; each webhook that matches gets the incident',
  },
  {
    key: 'webhooks[].secretEnv',
    default: '(this or secretFile)',
    meaning:
      'the environment variable with the secret that signs events, or with PagerDuty’s integration key; NAME_FILE and systemd credentials work too',
  },
  { key: 'webhooks[].secretFile', default: '(this or secretEnv)', meaning: 'a file that holds it' },
  {
    key: 'webhooks[].name',
    default: 'the host of url, or pagerduty',
    meaning: 'what it is called in commands, logs and metrics (webhook:NAME)',
  },
  { key: 'approvals.channel', default: 'where it was proposed', meaning: 'where changes wait for approval' },
  {
    key: 'approvals.approvers',
    default: 'none',
    meaning:
      'users (U…) and user groups (S…) who may approve, or the word anyone (but the proposer); without it nothing can be proposed in Slack',
  },
  { key: 'approvals.quorum', default: '1', meaning: 'how many approvals a change needs' },
  { key: 'approvals.selfApproval', default: 'false', meaning: 'whether the proposer may approve' },
  {
    key: 'approvals.directMessages',
    default: 'true',
    meaning: 'whether approvers who are named as users (U…) get the card in a direct message too',
  },
  { key: 'approvals.guests', default: 'false', meaning: 'whether guests of the workspace may propose and approve' },
  {
    key: 'approvals.external',
    default: 'false',
    meaning: 'whether people of other organisations (Slack Connect) may propose and approve',
  },
  { key: 'approvals.expireAfter', default: '30m', meaning: 'how long a proposal waits' },
  { key: 'admins', default: '[]', meaning: 'users and user groups who may add and remove hosts; empty: nobody' },
  {
    key: 'local.changes',
    default: 'false',
    meaning:
      'whether the local workspace may change values on real hosts, localhost too; there nobody checks that two people decide',
  },
  { key: 'ssh.user', default: 'oombot', meaning: 'login name, for hosts that name none' },
  { key: 'ssh.port', default: '22', meaning: 'port, for hosts that name none' },
  { key: 'ssh.identityFile', default: 'agent, then ~/.ssh/id_*', meaning: 'private key' },
  { key: 'ssh.knownHosts', default: '~/.ssh/known_hosts', meaning: 'one known_hosts file or a list of them' },
  {
    key: 'ssh.configFile',
    default: '~/.ssh/config',
    meaning: 'where hosts[].sshConfig names are looked up, with all that it includes',
  },
  {
    key: 'ssh.allowProxyCommand',
    default: 'false',
    meaning:
      'run the ProxyCommand of ssh.configFile, by /bin/sh, as the user that the bot runs as; with transport openssh also Match exec and LocalCommand',
  },
  {
    key: 'ssh.transport',
    default: 'auto',
    meaning:
      'what connects to the hosts: ssh2 (inside oombot; auto means the same) or openssh (this machine’s own ssh, with its own configuration)',
  },
  {
    key: 'ssh.allowSha1',
    default: 'false',
    meaning:
      'take host keys that sign with SHA-1 (ssh-rsa), and log in with RSA keys that do, as servers before OpenSSH 7.2 need it; such signatures can be forged, at a price',
  },
  { key: 'hosts[].name', default: 'the sshConfig name', meaning: 'what people call the host' },
  { key: 'hosts[].address', default: 'the name', meaning: 'host name or IP address to connect to' },
  { key: 'hosts[].port', default: 'ssh.port', meaning: 'port' },
  { key: 'hosts[].user', default: 'ssh.user', meaning: 'login name' },
  { key: 'hosts[].identityFile', default: 'ssh.identityFile', meaning: 'private key' },
  { key: 'hosts[].knownHosts', default: 'ssh.knownHosts', meaning: 'known_hosts file or files' },
  {
    key: 'hosts[].fingerprints',
    default: '[]',
    meaning: 'SHA256:… of the host keys to accept, instead of known_hosts',
  },
  { key: 'hosts[].jump', default: 'none', meaning: "the way in: another host's name, or [user@]address[:port]" },
  {
    key: 'hosts[].sshConfig',
    default: 'none',
    meaning: 'take what ssh.configFile says of this Host: address, port, user, keys, jumps, timings, algorithms',
  },
  {
    key: 'hosts[].proxyCommand',
    default: 'none',
    meaning:
      'a local program and its arguments, run without a shell, whose input and output are the connection; %h, %p and %r are address, port and user, %% is a percent sign',
  },
  { key: 'hosts[].transport', default: 'ssh.transport', meaning: 'ssh2 or openssh, for this host and its jump hosts' },
  { key: 'hosts[].allowSha1', default: 'ssh.allowSha1', meaning: 'the same for this host' },
  { key: 'hosts[].tags', default: '[]', meaning: 'words for routes and commands' },
  { key: 'hosts[].channel', default: 'by the routes', meaning: 'where kills on this host are posted' },
  { key: 'hosts[].logFiles', default: 'by detection', meaning: 'read these log files only' },
  {
    key: 'inventory[].kind',
    default: '(required)',
    meaning:
      'file_sd or http_sd (Prometheus), ansible (what ansible-inventory --list printed), ssh_config or directory (of YAML files like hosts)',
  },
  {
    key: 'inventory[].from',
    default: '(required)',
    meaning: 'a path or a pattern, a URL (http_sd), or a pattern over Hosts of ssh.configFile (ssh_config)',
  },
  ...['tags', 'channel', 'user', 'port', 'identityFile', 'knownHosts', 'jump', 'proxyCommand', 'transport'].map(
    (name) => ({
      key: `inventory[].${name}`,
      default: 'as there',
      meaning: `hosts[].${name} of those that say nothing of it themselves`,
    }),
  ),
  {
    key: 'inventory[].labels',
    default: 'all without __',
    meaning: 'labels whose values become tags (file_sd, http_sd)',
  },
  {
    key: 'inventory[].nameLabel',
    default: 'instance',
    meaning: 'label of the name; without it the address (file_sd, http_sd)',
  },
  { key: 'inventory[].addressLabel', default: 'the target', meaning: 'label of the address (file_sd, http_sd)' },
  { key: 'inventory[].tokenFile', default: 'none', meaning: 'file with a bearer token (http_sd)' },
  {
    key: 'inventory[].trustFirstKey',
    default: 'none',
    meaning:
      'a known_hosts file to which the bot adds the first key that a host of this inventory shows, when no key of it is known; each is in the audit log',
  },
  {
    key: 'digest.at',
    default: 'mon 09:00',
    meaning: 'weekday and time of the weekly digest in each channel that had kills; off: none',
  },
  { key: 'digest.zone', default: 'UTC', meaning: 'time zone of digest.at, such as Europe/Berlin' },
  {
    key: 'drill.every',
    default: 'off',
    meaning:
      'how often each host has a drill, a harmless real kill that tries the whole way (1h or more, such as 7d); see drill.md',
  },
  {
    key: 'drill.channel',
    default: 'where its kills are posted',
    meaning: 'the channel of scheduled drills: one message there is edited, and only a failure posts a new one',
  },
  {
    key: 'samples.every',
    default: '1m',
    meaning: 'how often to sample memory, pressure and the largest services of each host, 10s to 10m; off: never',
  },
  {
    key: 'earlyWarning[].tags',
    default: '(required)',
    meaning: 'hosts with all of these tags get early warnings; the first match wins, without a match there are none',
  },
  { key: 'earlyWarning[].within', default: '30m', meaning: 'warn when memory would be used up within this time' },
  { key: 'database', default: 'sqlite:./data/oombot.db', meaning: 'sqlite:PATH or postgres://…' },
  {
    key: 'socket',
    default: 'beside the database, or in the runtime directory',
    meaning:
      'where the running bot answers `oombot last`, `scores` and the other questions of a terminal, to its own user and root: a path of at most 107 bytes, or off. See operate.md',
  },
  {
    key: 'http',
    default: '127.0.0.1:3000',
    meaning: 'address:port of /healthz, /metrics and the local workspace; port 0: any free one',
  },
];

/** What is read from the environment; secrets live only there. */
export const ENVIRONMENT: readonly { name: string; meaning: string }[] = [
  { name: 'OOMBOT_CONFIG', meaning: 'path of the configuration file; default ./oombot.yaml or ./oombot.yml' },
  { name: 'DATABASE_URL', meaning: 'instead of the key database' },
  { name: 'SLACK_BOT_TOKEN', meaning: 'xoxb-…; with the next one: run against Slack' },
  { name: 'SLACK_APP_TOKEN', meaning: 'xapp-…, for Socket Mode' },
  { name: 'SLACK_API_URL', meaning: 'another Slack-compatible server' },
  { name: 'LOG_LEVEL', meaning: 'fatal, error, warn, info (default), debug, trace or silent' },
  { name: 'OOMBOT_SSH_PASSPHRASE', meaning: 'passphrase of encrypted private keys' },
  { name: 'OOMBOT_AUDIT_KEY', meaning: 'signs the head of the audit log; without it the head is recorded unsigned' },
  {
    name: 'OOMBOT_HTTP_TOKEN',
    meaning: '/healthz and /metrics answer only with `Authorization: Bearer` and this; unset: they answer everybody',
  },
  {
    name: 'RUNTIME_DIRECTORY, XDG_RUNTIME_DIR',
    meaning:
      'with PostgreSQL, where the key socket is by default: /run/oombot of the service, else oombot in the user’s',
  },
  { name: 'SSH_AUTH_SOCK', meaning: 'ssh-agent to ask for keys' },
  {
    name: '…_FILE',
    meaning: 'a file that holds the token, DATABASE_URL or passphrase of that name (SLACK_BOT_TOKEN_FILE); never both',
  },
  {
    name: 'CREDENTIALS_DIRECTORY',
    meaning: 'set by systemd’s LoadCredential=: secrets are files of their names in it',
  },
];
