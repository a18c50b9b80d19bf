# shellcheck shell=bash disable=SC2034,SC2154
# What both stories are told with: chapters, calls that are shown, claims that are checked, and the
# processes, which end with the demo however that ends.

bold='' dim='' green='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

chapters=0
story() { printf '\n%s\n' "$bold=== $1$plain"; }
chapter() { printf '\n%s\n' "$bold$((++chapters)). $1$plain"; }
tell() { printf '%s\n' "$@"; }
command_line() { printf '%s\n' "$dim$prompt$plain $bold$1$plain"; }
indented() { sed 's/\r$//; s/^/    /'; }

claims=0
holds() { printf '%s\n' "$green  ok$plain $1"; claims=$((claims + 1)); }
fail() {
  printf '%s\n' "$red  NOT AS TOLD: $1$plain" >&2
  [ -z "${2:-}" ] || printf '%s\n' "$2" | indented >&2
  if [ -s "$log" ]; then
    printf '%s\n' "The last lines of the sidecar's log:" >&2
    tail -n 20 "$log" | indented >&2
  fi
  exit 1
}

# claim WHAT CONDITION...: the condition is a command.
claim() {
  local what=$1
  shift
  "$@" || fail "$what" "${answer:-}"
  holds "$what"
}

# Who makes the calls that are shown: the prompt, and what is given the command to run. A story may
# have others, who set these for one call.
prompt='$' runner=eval

# show COMMAND: prints it and what it answers, which stays in $answer.
show() {
  command_line "$1"
  answer=$($runner "$1") || fail "this command works: $1" "$answer"
  printf '%s\n' "$answer" | indented
}

# show_once PATTERN COMMAND: as show, but first waits until the answer has PATTERN.
show_once() {
  command_line "$2"
  local deadline=$((SECONDS + 20))
  until answer=$($runner "$2") && grep -qE "$1" <<<"$answer"; do
    [ $SECONDS -lt $deadline ] || fail "the answer has '$1' within 20 s" "$answer"
    sleep 0.05
  done
  printf '%s\n' "$answer" | indented
}

# wait_for WHAT CONDITION...
wait_for() {
  local what=$1 deadline=$((SECONDS + 20))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || fail "within 20 s: $what"
    sleep 0.05
  done
}

answer_has() { grep -qE "$1" <<<"$answer"; }
answer_lacks() { ! answer_has "$1"; }

# --- Processes ------------------------------------------------------------------------------------

scratch=$(mktemp -d)
log=$scratch/log
declare -A pid=()
told=() sidecars=()    # the stories that were told, and for --stay what must run

runs() { kill -0 "${pid[$1]}" 2>/dev/null || fail "$1 runs"; }

# Quiet: the shell would report every process that a signal ended.
end() {
  local name=$1 signal=${2:-TERM} status=0
  { kill -"$signal" "${pid[$name]}" && wait "${pid[$name]}" || status=$?; } 2>/dev/null
  unset "pid[$name]"
  return $status
}

end_all() {
  local name
  for name in "${!pid[@]}"; do end "$name" || true; done
}

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  end_all
  rm -rf "$scratch"
  exit $status
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Nothing of the caller's own curl and proxy settings may reach the calls.
unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY
export CURL_HOME=$scratch
