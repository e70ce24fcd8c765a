#!/bin/sh
# Fills the corpora with recorded bodies: every one under BURSAR_DATA/wire, behind the bytes of choice that each target
# reads first. Run from anywhere; `cargo fuzz` finds the corpora by the targets' names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# The ledger's own: recorded journals and checkpoints, and the documented configurations.
golden="$here/../crates/bursar-store/tests/golden"
mkdir -p "$here/corpus/journal" "$here/corpus/checkpoint" "$here/corpus/entry" "$here/corpus/configuration"
for file in "$golden"/*/checkpoint-*; do
    { printf '\001'; cat "$file"; } >"$here/corpus/checkpoint/$(basename "$file").whole"
    # Its pieces: behind header (42 bytes) come length (4), checksum (4) and bytes of each.
    python3 - "$file" "$here/corpus" <<'END'
import pathlib, struct, sys
data, corpus = pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])
at, pieces = 42, []
while (length := struct.unpack_from("<I", data, at)[0]) > 0:
    pieces.append(data[at + 8 : at + 8 + length])
    at += 8 + length
name = pathlib.Path(sys.argv[1]).name
(corpus / "checkpoint" / f"{name}.pieces").write_bytes(b"\0" + b"".join(struct.pack("<H", len(p)) + p for p in pieces))
(corpus / "entry" / f"{name}.entries").write_bytes(b"".join(pieces))
# A journal of them, without changes and with one.
batch = bytes([len(pieces[:4]) | 128, 40])
(corpus / "journal" / f"{name}.plain").write_bytes(bytes([0, 1]) + batch + b"".join(p[:160].ljust(160, b"\0") for p in pieces[:4]))
(corpus / "journal" / f"{name}.changed").write_bytes(
    bytes([1, 1]) + batch + b"".join(p[:160].ljust(160, b"\0") for p in pieces[:4]) + bytes([16, 2, 4, 9, 9, 9, 9]))
END
done
for file in "$here"/../docs/guides/*.md "$here"/../docs/reference/configuration.md; do
    awk -v out="$here/corpus/configuration/$(basename "$file")" '/^```toml/ { n++; on = 1; next } /^```/ { on = 0 } on { print > (out "." n) }' "$file"
done
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
# The same bodies, compressed.
mkdir -p "$here/corpus/encoded"
packed="$here/../crates/bursar-wire/src/meter/decode/tests"
{ printf '\002\020\003\000'; cat "$packed/stream.br"; } >"$here/corpus/encoded/stream.br"
{ printf '\004\020\003\000'; cat "$packed/stream.zst"; } >"$here/corpus/encoded/stream.zstd"
for body in "$data"/wire/d*_anthropic_*; do
    case $body in *.request.json) continue ;; esac
    { printf '\000\020\003\000'; gzip -c "$body"; } >"$here/corpus/encoded/$(basename "$body").gzip"
    ! command -v zstd >/dev/null || { printf '\004\020\003\000'; zstd -q -c "$body"; } >"$here/corpus/encoded/$(basename "$body").zstd"
    ! command -v brotli >/dev/null || { printf '\002\020\003\000'; brotli -c "$body"; } >"$here/corpus/encoded/$(basename "$body").br"
done
# Targets and headers as clients send them.
mkdir -p "$here/corpus/route"
number=0
while read -r target; do
    number=$((number + 1))
    printf '%s\nauthorization: Bearer k\nx-api-key: k\nconnection: x-hop\nx-hop: 1\n' "$target" >"$here/corpus/route/$number"
done <<'END'
/v1/chat/completions
/k/key/v1/responses?beta=true
/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=k
/v1/models/a%2Fb:generateContent?%6bey=k
/v1/images/generations
/v1/files/../chat/completions
/v1/messages/batches/b/results
END
# Requests: the format's number (ApiFormat::ALL) before the body that was sent.
for body in "$data"/wire/d*.request.json; do
    case $body in *anthropic_*) format='\004' ;; *gemini_*) format='\005' ;; *ollama_*) format='\007' ;; *responses*) format='\002' ;; *) format='\000' ;; esac
    seed request "$format" "$body" request
    case $body in *anthropic_* | *gemini_* | *ollama_*) ;; *responses*) seed tokens '\005' "$body" tokens ;; *) seed tokens '\001' "$body" tokens ;; esac
done
for target in "$here"/corpus/*; do echo "$(ls "$target" | wc -l) seeds in $(basename "$target")"; done
