import { CONFIG_FILES } from '../size/config-files.ts';

const PROGRAMS = Object.entries(CONFIG_FILES)
  .map(
    ([key, { keys, also, form, named, usual, reads }]) =>
      `    ${key}) keys='${[...keys, ...also].join(' ').toLowerCase()}' form=${form ?? '-'} named='${named.join(' ')}' usual='${usual.join(' ')}' reads=${reads};;`,
  )
  .join('\n');

/**
 * How the memory of programs is set, as their command lines and the files that everybody may read say it. Of both only the values of
 * the settings in `size/config-files.ts` leave the host, and of these only what looks like a number with a unit. POSIX sh and awk.
 *
 * In, at most 8 lines: the program, the pid that stands for it (0: it does not run), and one word: `usual` where the files that it reads
 * by itself may be taken for its own, `named` where only those of its command line may, `inside` where none may. Out, for each of them in turn:
 *
 *   program mysql 1234
 *   inside                          it lives in another pid namespace: its files are not those of the host
 *   arg innodb_buffer_pool_size 6G
 *   file 86400 /etc/mysql/my.cnf    read; how many seconds ago it was changed
 *   set 1 mysqld innodb_buffer_pool_size 8G    in which of these files and section (`-`: none); `?` for what is no number
 *   unread /etc/redis/redis.conf    it may not be read, is no ordinary file, too large, or one too many
 *   unnamed                         nothing says which file is its own
 *
 * At most 64 files of 256 KiB, 200 settings and 200 includes of each, 2 s for each. Paths stand in double quotes or in the environment, never in
 * the text of a script; a pattern counts in the last part of a path alone.
 */
export const SETTINGS_SCRIPT = `
ulimit -t 10 2>/dev/null
PATH=$PATH:/usr/sbin:/sbin; export PATH
nl='
'
now=$(date +%s) left=64 bounded=
timeout 2 true 2>/dev/null && bounded=yes
set -f
# Some shells' echo reads backslashes.
say() { printf '%s\\n' "$1"; }
content() {
  if [ -n "$bounded" ]; then timeout 2 head -c 262145 "$1"; else head -c 262145 "$1"; fi 2>/dev/null
}
# What may be there. A closed folder does not tell.
may_be() { [ -e "$1" ] || { [ -d "\${1%/*}" ] && [ ! -x "\${1%/*}" ]; }; }
# The settings of a text and what it includes, in its order.
settings() {
  awk '
function trim(s) { sub(/^[ \\t]+/, "", s); sub(/[ \\t\\r]+$/, "", s); return s }
function bare(s,   q) { s = trim(s); q = substr(s, 1, 1); if (q == "\\"" || q == "\\047") { s = substr(s, 2); sub(q ".*", "", s) } return s }
function put(k, v) {
  k = tolower(trim(k)); gsub(/-/, "_", k); sub(/^loose_/, "", k)
  if (k == "" || index(keys, " " k " ") == 0) return
  v = bare(v)
  where = section " " k
  if (where in at) line[at[where]] = ""
  else if (++different > 200) return
  at[where] = ++lines
  line[lines] = "set " ENVIRON["NUMBER"] " " where " " (length(v) < 30 && v ~ /^([0-9][0-9.]* ?[A-Za-z]*|auto)$/ ? v : "?")
}
# Of what is set again only the last counts.
function flush(  i) {
  for (i = 1; i <= lines; i++) if (line[i] != "") print line[i]
  lines = 0; split("", at)
}
function include(how, p) {
  flush()
  p = bare(p)
  if (++includes > 200) { if (includes == 201) print "many " p; return }
  if (p !~ /^\\//) p = (base == "" ? "./" : base "/") p
  print how " " p
}
function cut(s,   at) { at = match(s, /(^|[ \\t])#/); return at ? substr(s, 1, at) : s }
BEGIN { keys = " " ENVIRON["KEYS"] " "; form = ENVIRON["FORM"]; base = ENVIRON["BASE"]; section = "-" }
{ sub(/^[ \\t]+/, ""); sub(/\\r$/, "") }
/^#/ { next }
form == "cnf" && /^!includedir[ \\t]/ { sub(/^[^ \\t]*/, ""); include("dir", $0); next }
form == "cnf" && /^!include[ \\t]/ { sub(/^[^ \\t]*/, ""); include("open", $0); next }
(form == "cnf" || form == "fpm") && /^\\[/ {
  section = $0; sub(/^\\[ */, "", section); sub(/ *\\].*/, "", section); gsub(/[^A-Za-z0-9_.:-]/, "?", section)
  section = section == "" ? "?" : substr(section, 1, 40); next
}
form == "cnf" && !/^;/ { n = index($0, "="); if (n) put(substr($0, 1, n - 1), cut(substr($0, n + 1))); next }
form == "fpm" && !/^;/ {
  n = index($0, "="); if (!n) next
  k = trim(substr($0, 1, n - 1)); v = substr($0, n + 1); sub(/;.*/, "", v)
  if (k == "include") include("glob", v); else put(k, v)
  next
}
form == "postgres" {
  if (!match($0, /^[A-Za-z_][A-Za-z0-9_.]*/)) next
  k = tolower(substr($0, 1, RLENGTH)); v = trim(substr($0, RLENGTH + 1)); sub(/^=/, "", v); v = trim(v)
  if (v !~ /^\\047/) sub(/#.*/, "", v)
  if (k == "include") include("open", v)
  else if (k == "include_if_exists") include("maybe", v)
  else if (k == "include_dir") include("dir", v)
  else put(k, v)
  next
}
form == "redis" {
  if (!match($0, /^[^ \\t]+/)) next
  k = substr($0, 1, RLENGTH); v = substr($0, RLENGTH + 1)
  if (tolower(k) == "include") include("glob", v); else put(k, v)
  next
}
form == "mongod" {
  n = split(cut($0), part, /[{},]/)
  for (i = 1; i <= n; i++) if (match(part[i], /[:=]/)) { k = bare(substr(part[i], 1, RSTART - 1)); sub(/.*\\./, "", k); put(k, substr(part[i], RSTART + 1)) }
  next
}
form == "nginx" {
  s = cut($0)
  while (match(s, /[;{}]/)) {
    c = substr(s, RSTART, 1); said = trim(said " " substr(s, 1, RSTART - 1)); s = substr(s, RSTART + 1)
    if (c == ";" && depth == 0 && match(said, /[ \\t]/)) {
      k = substr(said, 1, RSTART - 1); v = substr(said, RSTART)
      if (k == "include") include("glob", v); else put(k, v)
    }
    depth += (c == "{") - (c == "}"); said = ""
  }
  said = trim(said " " s); if (length(said) > 4096) said = ""
}
END { flush() }'
}
# Files in the order in which the program reads them: what a file includes comes in its place.
read_all() {
  todo=$1 number=0
  while [ -n "$todo" ]; do
    l=\${todo%%"$nl"*}
    case $todo in *"$nl"*) todo=\${todo#*"$nl"};; *) todo=;; esac
    p=\${l#* }
    case $l in
      'set '*) say "$l"; continue;;
      'open /'*|'maybe /'*|'dir /'*|'glob /'*) ;;
      # Beside which folder it is meant is not known.
      *' '*) say "unread $p"; continue;;
      *) continue;;
    esac
    case $l in
      'maybe '*) may_be "$p" || continue;;
      'dir '*|'glob '*)
        d=\${p%/*} g=\${p##*/}
        case $l in 'dir '*) d=\${p%/} g=*.conf; [ "$form" != cnf ] || g=*.cnf;; esac
        case $l:$d in 'glob '*:*[*?[]*) say "unread $p"; continue;; esac
        case $g in *[*?[]*) ;; *) todo="open $p$nl$todo"; continue;; esac
        [ -d "$d" ] || continue
        [ -r "$d" ] && [ -x "$d" ] || { say "unread $d"; continue; }
        found=; set +f; IFS=
        for f in "$d"/$g; do case $f in *"$nl"*) ;; *) [ ! -e "$f" ] || found="\${found}open $f$nl";; esac; done
        unset IFS; set -f
        todo=$found$todo
        continue;;
    esac
    [ "$left" -gt 0 ] && [ -f "$p" ] && [ -r "$p" ] || { say "unread $p"; [ "$left" -gt 0 ] || return; continue; }
    # What the kernel makes up is no configuration, and reading some of it takes it from others.
    case $(readlink -f -- "$p" 2>/dev/null) in ''|/proc/*|/sys/*|/dev/*) say "unread $p"; continue;; esac
    left=$((left - 1))
    { text=$(content "$p"); } 2>/dev/null || { [ "$?" != 124 ] || left=0; say "unread $p"; continue; }
    [ "\${#text}" -le 262144 ] || { say "unread $p"; continue; }
    t=$(stat -L -c %Y "$p" 2>/dev/null) || t=$now
    say "file $((now - t)) $p"
    number=$((number + 1))
    base=; case $form in postgres) base=\${p%/*};; nginx) base=\${first%/*};; esac
    more=$(printf '%s\\n' "$text" | KEYS=$keys FORM=$form BASE=$base NUMBER=$number settings)
    todo=$more$nl$todo
  done
}
# Of a command line, an argument a line: its settings, and the files that it names.
arguments() {
  awk '
function name(w) { sub(/^--?/, "", w); sub(/^loose[-_]/, "", w); gsub(/-/, "_", w); return tolower(w) }
function file(p) { print "only " p }
BEGIN { keys = " " ENVIRON["KEYS"] " "; named = " " ENVIRON["NAMED"] " "; form = ENVIRON["FORM"] }
NR == 1 && /^nginx: / { n = split($0, a, " "); next }
NR == 1 && form == "fpm" && /^php-fpm: master process \\(.*\\)/ { sub(/^[^(]*\\(/, ""); sub(/\\)[^)]*$/, ""); file($0); next }
n < 2000 { a[++n] = $0 }
END {
  for (i = 1; i <= n; i++) {
    w = a[i]; e = index(w, "="); k = e ? substr(w, 1, e - 1) : w; v = e ? substr(w, e + 1) : a[i + 1]
    if (w ~ /^-Xmx/ && index(keys, " xmx ")) { k = "-xmx"; v = substr(w, 5) }
    else if (form == "redis" && i > 1 && w ~ /^\\/.*\\.conf$/ && !seen++) file(w)
    else if (form == "cnf" && w == "--no-defaults") print "none"
    else if (form == "cnf" && k ~ /^--defaults-(extra-file|group-suffix)$/) print "unlike"
    else if (form == "postgres" && w ~ /^-D./) data = substr(w, 3)
    else if (form == "postgres" && w == "-D") data = a[i + 1]
    else if (index(named, " " k " ")) file(v)
    else if (form == "nginx") sub(/;$/, "", v)
    if ((k ~ /^-/ || form == "nginx" || form == "postgres") && index(keys, " " name(k) " ") && length(v) < 30 && v ~ /^[0-9][0-9.]* ?[A-Za-z]*$/) print "arg " name(k) " " v
  }
  if (data != "") print "data " data "/postgresql.conf"
}'
}
echo '#settings 1'
asked=0
while [ "$asked" -lt 8 ] && read -r program pid may _; do
  asked=$((asked + 1))
  case $pid in ''|*[!0-9]*|????????*) continue;; esac
  case $program in
${PROGRAMS}
    *) continue;;
  esac
  echo "program $program $pid"
  said= todo= none=
  if [ "$pid" != 0 ]; then
    while read -r k _ inner; do
      [ "$k" != NSpid: ] || [ -z "$inner" ] || { echo inside; form=-; }
    done 2>/dev/null <"/proc/$pid/status"
    [ "$may" != inside ] || form=-
    said=$(head -c 65536 "/proc/$pid/cmdline" 2>/dev/null | tr '\\n\\000' ' \\n' | KEYS=$keys NAMED=$named FORM=$form arguments)
  fi
  data=
  IFS=$nl
  for l in $said; do
    case $l in
      'arg '*) say "$l";;
      'only '*) todo="open \${l#only }";;
      'data '*) data="open \${l#data }";;
      none|unlike) none=$l;;
    esac
  done
  unset IFS
  [ "$form" != - ] && [ "$none" != none ] || continue
  [ "$none" = '' ] || { echo unnamed; continue; }
  [ -n "$todo" ] || todo=$data
  if [ -z "$todo" ] && [ "$may" = usual ]; then
    for f in $usual; do
      may_be "$f" || continue
      todo="\${todo}open $f$nl"
      [ "$reads" = all ] || break
    done
    [ -n "$todo" ] || [ -z "$usual" ] || continue
  fi
  [ -n "$todo" ] || { echo unnamed; continue; }
  first=\${todo#open }
  first=\${first%%"$nl"*}
  read_all "$todo"
done
echo '#end'`;
