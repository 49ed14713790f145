// What memory is like now and who holds the most, in one round trip and as few reads as will do: for looks every minute or so.
// POSIX sh and any awk, no root needed, nothing written on the host, no command lines.
//
//   #memsample 1  total=…  available=…  swap=…  swapfree=…  fullavg10=…
//   size_kB  count  pid  comm  cgroup
//   #end 16
//
// - One line of `statm` sorts out the small ones (below 4 MiB in RAM); only the others' `status` and `cgroup` are read.
// - A process counts with its anonymous memory and its swap: what grows. Pages that are shared would be counted once for each.
// - Processes of one name in one group are one row, with the pid of the largest; the 16 largest rows are sent.
// - On cgroup v1 the memory controller's path is whose limit counts; at its root, systemd's own path tells more.
export const MEMORY_SAMPLE = String.raw`LC_ALL=C; export LC_ALL
cd /proc || exit 1
P=$(getconf PAGESIZE 2>/dev/null) || P=4096
set -- [0-9]*
printf '%s\n' "$@" | awk -v page="$P" '
function add(p,   f, l, a, name, anon, rss, swap, v1, v2, key, size) {
  f = p "/status"; name = ""; anon = ""; rss = ""; swap = 0
  while ((getline l < f) > 0) {
    if (l ~ /^Name:\t/) name = substr(l, 7)
    else if (l ~ /^VmRSS:/) { split(l, a, /[ \t]+/); rss = a[2] }
    else if (l ~ /^RssAnon:/) { split(l, a, /[ \t]+/); anon = a[2] }
    else if (l ~ /^VmSwap:/) { split(l, a, /[ \t]+/); swap = a[2]; break }
    else if (l ~ /^Threads:/) break
  }
  close(f); if (rss == "") return
  size = (anon == "" ? rss : anon) + swap; if (size < 1024) return
  v1 = ""; v2 = ""; f = p "/cgroup"
  while ((getline l < f) > 0) {
    if (l ~ /^[0-9]+:([^:]*,)?memory(,[^:]*)?:/) { sub(/^[^:]*:[^:]*:/, "", l); v1 = l }
    else if (l ~ /^(0:|[0-9]+:name=systemd):/ && length(v2) < 2) { sub(/^[^:]*:[^:]*:/, "", l); v2 = l }
  }
  close(f); if (length(v1) > 1 || v2 == "") v2 = v1
  gsub(/\t/, "\\t", name); gsub(/\r/, "\\r", name); gsub(/[\001-\037\177]/, "?", v2)
  key = name "\t" v2; sum[key] += size; many[key]++
  if (size > most[key] + 0) { most[key] = size; pid[key] = p }
}
BEGIN {
  full = "-"
  while ((getline l < "meminfo") > 0) { split(l, a, /[: ]+/); m[a[1]] = a[2]; if (l ~ /^SwapFree/) break }
  while ((getline l < "pressure/memory") > 0) if (l ~ /^full /) { split(l, a, /[ =]/); full = a[3] }
  print "#memsample 1\ttotal=" m["MemTotal"] "\tavailable=" m["MemAvailable"] "\tswap=" m["SwapTotal"] "\tswapfree=" m["SwapFree"] "\tfullavg10=" full
  least = 4194304 / page
}
{
  f = $1 "/statm"; l = ""; getline l < f; close(f); split(l, a, " ")
  if (a[2] + 0 >= least) add($1)
}
END {
  for (rows = 0; rows < 16; rows++) {
    top = ""
    for (key in sum) if (top == "" || sum[key] > sum[top]) top = key
    if (top == "") break
    print sum[top] "\t" many[top] "\t" pid[top] "\t" top; delete sum[top]
  }
  print "#end\t" rows
}'
`;
