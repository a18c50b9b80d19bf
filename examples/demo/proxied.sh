# shellcheck shell=bash disable=SC2034,SC2154
# The first story: a caller that is told of the sidecar, by its Host or its proxy setting.

# --- Processes and ports ------------------------------------------------------------------------

declare -A port=()

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# The usual port on a terminal; any free one elsewhere, so that tests may run side by side.
free_port() {
  local candidate=$1
  [ -t 1 ] || candidate=$((20000 + RANDOM % 12000))
  while listens "$candidate" || [[ " ${port[*]} " == *" $candidate "* ]]; do
    candidate=$((20000 + RANDOM % 12000))
  done
  port[$2]=$candidate
}

start_instance() {
  "$INSTANCE" "$1" "${port[$1]}" 3 &
  pid[$1]=$!
  wait_for "$1 listens" is_listening "$1"
}

start_sidecar() {
  ADMIN=${port[admin]} METRICS=${port[metrics]} PROXY=${port[proxy]} \
    ORDERS_1=${port[orders-1]} ORDERS_2=${port[orders-2]} ORDERS_3=${port[orders-3]} \
    STOCK_1=${port[stock-1]} STOCK_2=${port[stock-2]} \
    "$OUTRIGGER" run -c examples/demo/proxied.yaml 2>"$log" &
  pid[sidecar]=$!
  sidecars+=($!)
  wait_for "the sidecar is ready" is_ready
}

is_listening() { runs "$1" && listens "${port[$1]}"; }
is_ready() {
  runs sidecar
  curl -sf -o /dev/null "$metrics/readyz"
}

free_port 15001 proxy
free_port 9901 admin
free_port 9902 metrics
for i in 1 2 3; do free_port 808$i orders-$i; done
for i in 1 2; do free_port 809$i stock-$i; done
proxy=http://127.0.0.1:${port[proxy]}
admin=http://127.0.0.1:${port[admin]}
metrics=http://127.0.0.1:${port[metrics]}
export OUTRIGGER_ADMIN=127.0.0.1:${port[admin]}
outrigger() { "$OUTRIGGER" "$@"; }

# --- The story ----------------------------------------------------------------------------------

told+=(proxied)
story "A client that is told of the sidecar"
tell "Two services and one sidecar, as real processes on this machine:"
for name in orders-1 orders-2 orders-3 stock-1 stock-2; do
  start_instance $name
  tell "    $name   127.0.0.1:${port[$name]}"
done
start_sidecar
tell "    outrigger  $proxy   (admin $admin, metrics $metrics)"
tell "The configuration is examples/demo/proxied.yaml."

chapter "A call finds an instance"
tell "The sidecar takes the name of the service from Host:"
show "curl -si -H 'Host: orders' $proxy/v1/orders"
claim "an instance of orders answered" answer_has '"answered_by": "orders-[123]"'
tell "or it is an ordinary HTTP proxy, and the caller's URL stays as it is:"
show "http_proxy=$proxy curl -si http://stock/v1/stock/17"
claim "an instance of stock answered" answer_has '"answered_by": "stock-[12]"'
tell "Calls are spread over the instances:"
show "curl -s -H 'Host: orders' '$proxy/v1/orders?call=[1-60]' | grep -o 'orders-[123]' |
    sort | uniq -c"
in_counts() { awk '$1 >= 5 { n++; sum += $1 } END { exit !(n == 3 && sum == 60) }' <<<"$answer"; }
claim "60 calls, 60 answers, each of the three instances has its share" in_counts

chapter "An instance dies, and no call is lost"
calls="curl -Z --parallel-max 4 --no-progress-meter -H 'Host: orders' -o /dev/null"
calls+=" -w '%{http_code}\\n'"
calls+=" '$proxy/v1/orders?call=[1-200]'"
command_line "$calls &"
eval "$calls" >"$scratch/codes" &
pid[caller]=$!
some_answered() { [ "$(wc -l <"$scratch/codes")" -ge 40 ]; }
wait_for "40 of the calls are answered" some_answered
command_line "kill -9 ${pid[orders-2]}     # orders-2, while the calls run"
end orders-2 KILL || true
wait "${pid[caller]}" || true
unset 'pid[caller]'
answer=$(sort "$scratch/codes" | uniq -c)
printf '%s\n' "$answer" | indented
claim "200 calls, 200 times 200" answer_has '^ *200 200$'
tell "What was on its way to the dead instance was tried again at another one, and after three"
tell "failures in a row the sidecar stopped asking it:"
endpoints="outrigger ctl endpoints orders"
more_calls() { curl -s -o /dev/null -H 'Host: orders' "$proxy/v1/orders?more=[1-10]"; }
excluded() { more_calls; eval "$endpoints" | grep -q "${port[orders-2]}.*circuit"; }
wait_for "orders-2 is excluded" excluded
show "$endpoints"
tell "It comes back:"
command_line "demo_instance orders-2 ${port[orders-2]} &"
start_instance orders-2
show_once orders-2 "curl -s -H 'Host: orders' '$proxy/v1/orders?call=[1-9]'"
holds "orders-2 is called again"

chapter "A whole service is down: the circuit opens, the caller still gets an answer"
command_line "kill -9 ${pid[stock-1]} ${pid[stock-2]}     # every instance of stock"
end stock-1 KILL || true
end stock-2 KILL || true
show "curl -si -H 'Host: stock' $proxy/v1/stock/17"
claim "the answer is the last good one, and says so" \
  answer_has '^cache-status: outrigger; hit; detail="stale'
claim "and Proxy-Status says what happened" answer_has 'proxy-status: .*error=connection_refused'

stock_state() { outrigger ctl circuits stock | awk 'NR == 1 { print $2 }'; }
# stock_is STATE: after one more call.
stock_is() {
  curl -s -o /dev/null -H 'Host: stock' "$proxy/v1/stock/17"
  [ "$(stock_state)" = "$1" ]
}
wait_for "the circuit of stock is open" stock_is open
tell "After five failures in a row the circuit is open. Nothing is sent to stock any more, and a"
tell "call that was never answered before gets the fixed value of the file:"
show_once circuit_open "curl -si -H 'Host: stock' $proxy/v1/stock/99"
claim "200 with the fixed value, marked circuit_open" \
  answer_has '^\{"left": "unknown"\}$'

chapter "The operator reads the circuit, edits it, forces it"
show "outrigger ctl circuits"
claim "it is open" answer_has '^stock  *open .* consecutive_failures '
tell "A change holds at once, keeps state and counts, and reverts by itself:"
show "outrigger ctl patch stock circuit.probes=2 circuit.failure_rate=30% --ttl 10m \\
    --reason 'careful after the outage'"
claim "before, after, until when, and the way back" \
  answer_has '^stock  circuit.probes  1 -> 2   until .*undo: outrigger ctl undo stock$'
tell "A mistake changes nothing and says why:"
show "outrigger ctl patch stock circuit.open_for=20s 2>&1 || echo \"exit code \$?\""
claim "refused" answer_has '^exit code 3$'
tell "orders is well, but we want it left alone for a while:"
show "outrigger ctl force orders open --ttl 10m --reason maintenance"
show "curl -si -H 'Host: orders' $proxy/v1/orders"
claim "orders has no fallback: a plain 503 that names its cause" \
  answer_has 'error=destination_unavailable; details="circuit_open orders'
tell "Everything that differs from the file, who did it, why, and until when:"
show "outrigger ctl overrides"
claim "three overrides: two settings and one state" \
  test "$(grep -c 'Z ([0-9]*m)' <<<"$answer")" = 3
show "outrigger ctl undo orders --reason done"
show_once answered_by "curl -s -H 'Host: orders' $proxy/v1/orders"
holds "orders is called again"

chapter "The service comes back: probes, ramp, closed"
command_line "demo_instance stock-1 ${port[stock-1]} & demo_instance stock-2 ${port[stock-2]} &"
start_instance stock-1
start_instance stock-2
command_line "while sleep 0.03; do curl -H 'Host: stock' $proxy/v1/stock/17; done &"
call_stock() {
  while sleep 0.03; do
    curl -s -o /dev/null -w '%{http_code}\n' -H 'Host: stock' "$proxy/v1/stock/17"
  done
}
call_stock >"$scratch/codes" &
pid[caller]=$!
last=''
stock_closed() {
  local now
  now=$(stock_state)
  [ "$now" = "$last" ] || printf '    %s\n' "$now"
  last=$now
  [ "$now" = closed ]
}
tell "Its state, as the admin API tells it:"
wait_for "the circuit of stock is closed" stock_closed
end caller || true
answer=$(sort "$scratch/codes" | uniq -c)
claim "meanwhile every call got 200: $(($(wc -l <"$scratch/codes"))) calls" \
  test "$(sort -u "$scratch/codes")" = 200
show "outrigger ctl events | grep 'circuit  stock'"
claim "opened by consecutive failures" answer_has 'closed -> open  consecutive_failures$'
for step in open:half_open half_open:ramping ramping:closed; do
  claim "${step/:/ -> }" answer_has "  ${step/:/ -> }  "
done
show "outrigger ctl undo --reason 'all is well'"
claim "the last two overrides are gone" test "$(grep -c '^stock  circuit' <<<"$answer")" = 2

chapter "The metrics tell the same story"
names='requests|retries|fallbacks|replies|circuit_transitions'
show "curl -s $metrics/metrics | grep -E '^outrigger_($names)_total.* [1-9][0-9]*$'"
claim "orders: what its dead instance did not answer was tried again" \
  answer_has 'retries_total\{service="orders",reason="(connect|reset)"\}'
claim "orders: no caller saw an error but the forced 503" \
  test "$(grep -E 'requests_total\{service="orders"' <<<"$answer" | grep -v '"success"')" = \
  'outrigger_requests_total{service="orders",code="503",outcome="proxy_refused"} 1'
claim "stock: the fallbacks answered" answer_has 'fallbacks_total\{service="stock",kind="respond"\}'
show "curl -s $metrics/metrics | grep '^outrigger_endpoints'"
claim "all three instances of orders are called again" \
  answer_has '^outrigger_endpoints\{service="orders",state="eligible"\} 3$'

try_proxied() {
  cat <<TRY
    curl -i -H 'Host: orders' $proxy/v1/orders
    http_proxy=$proxy curl -i http://stock/v1/stock/17
    kill -9 ${pid[orders-1]} ${pid[orders-2]} ${pid[orders-3]}     # all of orders
    export OUTRIGGER_ADMIN=$OUTRIGGER_ADMIN
    $OUTRIGGER ctl status
    $OUTRIGGER ctl events -f              # as they come
    $OUTRIGGER ctl force stock open --ttl 1m --reason trying
    $OUTRIGGER ctl --help                 # what else there is
    curl $metrics/metrics
The sidecar's log: tail -f $scratch/log
TRY
}

if [ "$stay" = no ]; then
  chapter "The end"
  command_line "kill -TERM ${pid[sidecar]}     # the sidecar"
  claim "it ended in order, with exit code 0" end sidecar
  end_all
fi
