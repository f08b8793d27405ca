#!/usr/bin/env bash
# A phone call that books an appointment: the real runtime between a simulated carrier and a simulated model.
# Run by `./dev demo`, after the build. Exit status 0 only if the appointment is in the database and the caller
# has heard its confirmation number.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=${PARLEY_BIN:-build/bin}

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
die() { printf '\ndemo: %s\n' "$*" >&2; exit 1; }

# A port nobody listens on, and none that the system gives to connections.
free_port() {
  local port
  while true; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
  done
}
wait_for_port() {
  for _ in $(seq 800); do
    if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return; fi
    sleep 0.05
  done
  die "$2 did not start; see $3"
}

folder=build/demo/$(date +%Y-%m-%d_%H-%M-%S)
mkdir -p "$folder" build/demo/speech
trap 'kill $(jobs -p) 2> /dev/null || true; wait 2> /dev/null || true' EXIT

model_port=$(free_port)
parley_port=$model_port
while [ "$parley_port" = "$model_port" ]; do parley_port=$(free_port); done
database=$folder/parley.db

say "Starting a simulated model, Parley, and a caller"
"$bin"/parley-sim --speech-cache build/demo/speech openai --port "$model_port" --script examples/demo/model.yaml \
  > "$folder/model.log" 2>&1 &
wait_for_port "$model_port" "the simulated model" "$folder/model.log"

# The same variables that a real call needs.
env PORT="$parley_port" HOST=127.0.0.1 PUBLIC_URL="http://127.0.0.1:$parley_port" \
  OPENAI_API_KEY=sk-demo OPENAI_BASE_URL="http://127.0.0.1:$model_port/v1" OPENAI_REALTIME_MODEL=gpt-realtime-2.1 \
  TWILIO_AUTH_TOKEN=demo-token-demo-token-demo-token- TWILIO_ACCOUNT_SID= ENABLE_WEBHOOK_VALIDATION=true \
  DATABASE_PATH="$database" LOG_LEVEL=debug "$bin"/parley serve > "$folder/parley.log" 2>&1 &
wait_for_port "$parley_port" "parley" "$folder/parley.log"

"$bin"/parley watch --database "$database" --until-ended &
watcher=$!

caller=0
"$bin"/parley-sim --speech-cache build/demo/speech call --webhook "http://127.0.0.1:$parley_port/voice" \
  --auth-token demo-token-demo-token-demo-token- --from +15550100001 --to +15550100002 \
  --script examples/demo/caller.yaml --record "$folder/call.wav" --strict-frames > "$folder/caller.log" 2>&1 || caller=$?
# Until the end of the call is in the database.
for _ in $(seq 400); do kill -0 "$watcher" 2> /dev/null || break; sleep 0.05; done

query() { sqlite3 -readonly "$database" "$1"; }
call_sid=$(query "select call_sid from calls limit 1")
"$bin"/parley transcript --database "$database" "$call_sid" > "$folder/transcript.txt" || die "no transcript; see $folder/parley.log"

say "The appointment in the database"
sqlite3 -readonly -header -column "$database" \
  "select customer_name, appointment_date, appointment_time, confirmation_number, phone_number, status from appointments"

say "To look at afterwards"
cat << EOF
recording   $folder/call.wav        (left: the caller, right: what the caller heard)
transcript  $folder/transcript.txt
log         $folder/parley.log       (the caller's side: caller.log, the model's side: model.log)
database    $database
EOF

[ "$caller" -eq 0 ] || { cat "$folder/caller.log"; die "the caller did not get what they wanted; see $folder/caller.log"; }
number=$(query "select confirmation_number from appointments where call_sid = '$call_sid'")
[ -n "$number" ] || die "there is no appointment in the database"
# Spoken "A, P, T, 1, 2, 3": compared without what is between the characters, and only what was heard counts.
heard=$(query "select group_concat(text, ' ') from transcript where call_sid = '$call_sid' and speaker = 'agent'" | tr -cd '[:alnum:]' | tr '[:lower:]' '[:upper:]')
[[ $heard == *$(tr -cd '[:alnum:]' <<< "$number")* ]] || die "the caller has not heard the confirmation number $number"

say "The caller has heard the confirmation number $number, and it is in the database."
cat << 'EOF'

For a real call, set OPENAI_API_KEY, TWILIO_AUTH_TOKEN and PUBLIC_URL (https, reachable by Twilio), run
`build/bin/parley serve`, and give PUBLIC_URL/voice to your number as its webhook. README.md has the five steps.
EOF
