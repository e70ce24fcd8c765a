#!/bin/sh
# Fills the corpora with recorded bodies: every one under BURSAR_DATA/wire, behind the bytes of choice that each target
# reads first. Run from anywhere; `cargo fuzz` finds the corpora by the targets' names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${BURSAR_DATA:-$here/../../shared/data}
[ -d "$data/wire" ] || { echo "SKIPPED: no $data/wire (set BURSAR_DATA)" >&2; exit 0; }

# seed TARGET PREFIX FILE NAME
seed() {
    mkdir -p "$here/corpus/$1"
    { printf "$2"; cat "$3"; } >"$here/corpus/$1/$(basename "$3").$4"
}

for body in "$data"/wire/d*; do
    case $body in *.request.json | *.eventstream) continue ;; *.sse) kind='\000' ;; *.ndjson) kind='\002' ;; *) kind='\001' ;; esac
    case $body in
    *_ollama_*) target=meter_ollama ;;
    *_anthropic_*) target=meter_anthropic ;;
    *gemini-openai* | *_openai-compatible_*) target=meter_openai_chat ;;
    *_gemini_* | *_vertex-ai_*) target=meter_gemini ;;
    *responses*) target=meter_openai_responses ;;
    *) target=meter_openai_chat ;;
    esac
    seed "$target" "$kind"'\020\003\000' "$body" whole
    seed strip '\020\003' "$body" strip
    case $body in *.json) seed json '\020\003' "$body" json && seed frames '\020\003\001' "$body" frames ;; esac
done
# Requests: the format's number (ApiFormat::ALL) before the body that was sent.
for body in "$data"/wire/d*.request.json; do
    case $body in *anthropic_*) format='\004' ;; *gemini_*) format='\005' ;; *ollama_*) format='\007' ;; *responses*) format='\002' ;; *) format='\000' ;; esac
    seed request "$format" "$body" request
done
for target in "$here"/corpus/*; do echo "$(ls "$target" | wc -l) seeds in $(basename "$target")"; done
