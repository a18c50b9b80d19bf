# shellcheck shell=bash disable=SC2034,SC2154
# The second story: a caller that knows nothing of the sidecar. It happens on two hosts, which are
# network namespaces joined by a cable: `pod`, with the caller and the sidecar as different users,
# and `far`, with the services. The kernel takes both back when their last process ends, which is
# when the demo does, even if it is killed. Nothing outside them is changed.

# --- The two hosts --------------------------------------------------------------------------------

# Why it cannot be told here and what helps, or nothing.
why_not_redirected() {
  local program refused
  [ "$(id -u)" = 0 ] || { echo "it needs root; sudo examples/demo/run redirected"; return; }
  for program in ip nft unshare nsenter lsns setpriv getent; do
    command -v $program >/dev/null ||
      { echo "there is no $program here; ./dev demo installs it"; return; }
  done
  refused=$(unshare --net --mount bash -ec '
    mount -t tmpfs tmpfs /mnt
    ip link add type veth
    nft "table inet probe { chain output { type nat hook output priority -100;
      meta skuid 1 tcp dport 1 redirect to :1; }; }"' 2>&1) ||
    echo "it is not permitted here (${refused%%$'\n'*}); in a container it takes --privileged"
}

# start_host NAME [unshare's other namespaces]
start_host() {
  unshare --net "${@:2}" setpriv --pdeathsig KILL sleep infinity &
  pid[$1]=$!
  wait_for "$1 has its namespaces" is_made "$1"
}
is_made() { runs "$1" && [ "$(<"/proc/${pid[$1]}/comm")" = sleep ]; }

# `pod` has a /mnt of its own, with the sidecar in it, and an /etc/hosts of its own.
make_hosts() {
  start_host far
  start_host pod --mount
  in_far=(nsenter -t "${pid[far]}" -n setpriv --pdeathsig KILL)
  in_pod=(nsenter -t "${pid[pod]}" -n -m env -i --chdir=/mnt HOME=/mnt
    PATH=/mnt:/usr/sbin:/usr/bin:/sbin:/bin setpriv --pdeathsig KILL --clear-groups)
  local mnt=/proc/${pid[pod]}/root/mnt address
  nsenter -t "${pid[pod]}" -m mount -t tmpfs -o mode=755 tmpfs /mnt
  install -m 755 "$OUTRIGGER" "$mnt/outrigger"
  install -m 644 examples/demo/redirected.yaml "$mnt"
  printf '%s\n' '127.0.0.1 localhost' '10.77.0.11 stock' '10.77.0.13 reports' '10.77.0.14 till' \
    >"$mnt/hosts"
  chmod 644 "$mnt/hosts"
  as_root 'mount --bind hosts /etc/hosts; ip link set lo up
    ip link add eth0 type veth peer name eth0 netns '"${pid[far]}"'
    ip address add 10.77.0.1/24 dev eth0; ip link set eth0 up'
  "${in_far[@]}" ip link set lo up
  for address in 10.77.0.1{1..4}; do "${in_far[@]}" ip address add "$address/24" dev eth0; done
  "${in_far[@]}" ip link set eth0 up
}

as_root() { "${in_pod[@]}" bash -ec "$1"; }
as_neighbour() { "${in_pod[@]}" --reuid 1000 --regid 1000 bash -c "$1"; }
root() { local prompt='root#' runner=as_root; "$@"; }
neighbour() { local prompt='neighbour$' runner=as_neighbour; "$@"; }
sidecar() { local prompt='sidecar$'; "$@"; }
far() { local prompt='far#'; "$@"; }

# start_far NAME ADDRESS:PORT [KIND]
start_far() {
  "${in_far[@]}" "$INSTANCE" "$@" &
  pid[far/$1]=$!
  wait_for "$1 listens" listens_there "$@"
}
listens_there() {
  runs "far/$1"
  "${in_far[@]}" bash -c "exec 3<>/dev/tcp/${2/://}" 2>/dev/null
}
start_stock() {
  start_far stock-1 10.77.0.11:80
  start_far stock-2 10.77.0.12:80
}

start_redirected() {
  local command="outrigger run -c redirected.yaml"
  sidecar command_line "$command &"
  # shellcheck disable=SC2086
  "${in_pod[@]}" --reuid 15001 --regid 15001 $command 2>"$log" &
  pid[pod/sidecar]=$!
  wait_for "the sidecar is ready" is_ready_there
}
is_ready_there() {
  runs pod/sidecar
  as_root 'curl -sf -o /dev/null 127.0.0.1:9902/readyz'
}

# --- The story ------------------------------------------------------------------------------------

story "A client that knows nothing of the sidecar"
obstacle=$(why_not_redirected)
if [ -n "$obstacle" ]; then
  tell "This story, with network namespaces and nftables of its own, is skipped:" "$obstacle"
  return
fi
told+=(redirected)
log=$scratch/redirected.log
make_hosts

tell "Two hosts on a cable of their own: on one, far, are the services, on the other, the pod, a"
tell "neighbour and a sidecar. The prompt says which user of the pod makes the call, or far."
start_stock
start_far reports 10.77.0.13:80 500
start_far till 10.77.0.14:7000 echo
tell "    stock-1, stock-2   10.77.0.11:80, 10.77.0.12:80"
tell "    reports            10.77.0.13:80, half a second for each call"
tell "    till               10.77.0.14:7000, no HTTP"
tell "The configuration is examples/demo/redirected.yaml."

chapter "The neighbour, as it always was"
neighbour show "env"
claim "it has no proxy setting" answer_lacks '[pP][rR][oO][xX][yY]'
neighbour show "getent hosts stock"
claim "stock is the address of stock-1" answer_has '^10\.77\.0\.11 +stock$'
spread="curl -s 'http://stock/v1/stock?call=[1-20]' | grep -o 'stock-[12]' | sort | uniq -c"
neighbour show "$spread"
claim "stock-1 has to answer every call" answer_has '^ *20 stock-1$'
neighbour show "curl -si http://stock/v1/stock/17"
before=$answer

chapter "Rules and a sidecar are put beside it"
root show "outrigger intercept print -c redirected.yaml"
claim "the sidecar's own user is let through, the rest is redirected" \
  test "$(grep -cE 'meta skuid 15001 return|redirect to :15001' <<<"$answer")" = 2
root show "outrigger intercept install -c redirected.yaml 2>&1"
claim "the kernel has them" answer_has '^installed with nft'
start_redirected
neighbour show "$spread"
in_shares() { awk '$1 >= 5 { n++; sum += $1 } END { exit !(n == 2 && sum == 20) }' <<<"$answer"; }
claim "the same calls are spread over both instances" in_shares
neighbour show "curl -si http://stock/v1/stock/17"
claim "an answer is what it was, whoever gives it" test "${answer/stock-2/stock-1}" = "$before"

chapter "A limit refuses"
tell "The file lets reports have two calls at a time:"
neighbour show "curl -Z --parallel-immediate --no-progress-meter -o /dev/null \\
    -w '%{http_code} %header{proxy-status}\\n' \\
    'http://reports/v1/today?call=[1-6]' | sort | uniq -c"
claim "two were answered" answer_has '^ *2 200 *$'
claim "four were refused at once, and Proxy-Status says why" answer_has '^ *4 503 .*limit'

chapter "The circuit opens, the fallback answers"
far command_line "kill -9 ${pid[far/stock-1]} ${pid[far/stock-2]}     # every instance of stock"
end far/stock-1 KILL || true
end far/stock-2 KILL || true
neighbour show "curl -si http://stock/v1/stock/17"
claim "the answer is the last good one, and says so" \
  answer_has '^cache-status: outrigger; hit; detail="stale'
tell "A call that was never answered before, once the circuit is open:"
neighbour show_once circuit_open "curl -si http://stock/v1/stock/99"
claim "200 with the fixed value of the file, marked circuit_open" \
  answer_has '^\{"left": "unknown"\}$'
far command_line "demo_instance stock-1 10.77.0.11:80 & demo_instance stock-2 10.77.0.12:80 &"
start_stock
stock_closed() {
  as_neighbour 'curl -s -o /dev/null http://stock/v1/stock/99'
  "${in_pod[@]}" "$OUTRIGGER" ctl --admin 127.0.0.1:9901 circuits stock | grep -q '^stock  closed'
}
wait_for "the circuit of stock is closed" stock_closed
neighbour show "curl -si http://stock/v1/stock/99"
claim "a probe went well, the circuit is closed, stock answers again" \
  answer_has '"answered_by": "stock-[12]"'
claim "and this is no stored answer" answer_lacks '^cache-status:'

chapter "What is not HTTP goes through untouched"
tell "till speaks first, and then sends back what it hears:"
neighbour show "exec 3<>/dev/tcp/till/7000; read -r line <&3; echo \"\$line\"
    echo 'one coffee' >&3; read -r line <&3; echo \"\$line\""
claim "its first words came, and ours came back" \
  test "$answer" = $'till speaks first\none coffee'
tell "It went through the sidecar, which told it from the rest by its first bytes:"
root show "curl -s 127.0.0.1:9902/metrics | grep '^outrigger_detect_total.* [1-9]'"
claim "one connection was carried unread" answer_has 'result="opaque"\} 1$'

chapter "The sidecar dies and comes back, the rules stay"
root command_line "kill -9 ${pid[pod/sidecar]}     # the sidecar"
end pod/sidecar KILL || true
neighbour show "curl -sS http://stock/v1/stock/17 2>&1 || echo \"exit code \$?\""
claim "nobody listens where the rules lead: refused at once" answer_has '^exit code 7$'
start_redirected
neighbour show "curl -si http://stock/v1/stock/17"
claim "the first new call is answered" answer_has '"answered_by": "stock-[12]"'
requests="curl -s 127.0.0.1:9902/metrics | grep '^outrigger_requests_total.*stock'"
root show_once '"success"' "$requests"
claim "by way of the new sidecar" answer_has '"success"\} 1$'

chapter "The rules are taken away"
root show "outrigger intercept remove 2>&1"
root show "nft list ruleset | wc -l"
claim "nothing is left of them" test "$answer" = 0
neighbour show "$spread"
claim "all is as before: stock-1 has to answer every call" answer_has '^ *20 stock-1$'
root show_once '"success"' "$requests"
claim "and the sidecar has seen none of them" answer_has '"success"\} 1$'

sidecars+=("${pid[pod/sidecar]}")
try_redirected() {
  cat <<TRY
    sudo nsenter -t ${pid[pod]} -n -m bash     # into the pod; and there:
    cd /mnt && ./outrigger intercept install -c redirected.yaml
    curl -i http://stock/v1/stock/17
    nft list ruleset
    curl 127.0.0.1:9901/            # the admin API of the sidecar there
The sidecar's log: tail -f $scratch/redirected.log
TRY
}

if [ "$stay" = no ]; then
  chapter "The end"
  networks=$(readlink "/proc/${pid[pod]}/ns/net" "/proc/${pid[far]}/ns/net" | tr -dc '0-9\n')
  end_all
  are_gone() { ! lsns --noheadings --type net --output NS | grep -qwF "$networks"; }
  claim "with their last processes the two hosts are gone" are_gone
fi
