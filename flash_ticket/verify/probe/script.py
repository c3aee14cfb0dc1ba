"""The script that opens connections from a container with any tool that the container has, and how to read its output.

Arguments: the seconds that each connection may take, then hosts and ports in turn. For each pair it prints a line: the
pair's number from 0, a blank, and an outcome. It sends nothing on a connection and closes it at once. It opens one
connection after the other, so that a small container runs one process for it at a time.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final


class ProbeOutcome(StrEnum):
    """The outcome of one attempt to connect."""

    CONNECTED = "connected"
    REFUSED = "refused"
    """The host answers that nothing listens, or an enforcer rejects the connection; the caller cannot tell which."""
    TIMED_OUT = "timed-out"
    UNREACHABLE = "unreachable"
    """A router, the node or an enforcer answers that the host or network cannot be reached."""
    UNRESOLVED = "unresolved"
    """The host is a name without a known address."""
    NO_TOOL = "no-tool"
    """The container has no tool that can connect."""
    UNKNOWN = "unknown"
    """The tool printed something else, or the container could not even try."""


TOOLS: Final = ("python3", "node", "bash", "curl", "nc")
"""The tools that can connect; the first one that the container has is used."""

SCRIPT: Final = r"""
limit=$1; shift
read_words() {
  case "$1" in
    *sage:*) echo unknown ;; # it does not know our options, and its help speaks of time-outs
    *efused*) echo refused ;;
    *nreachable*|*'No route'*) echo unreachable ;;
    *esolve*|*'not known'*|*'bad address'*) echo unresolved ;;
    *imed\ out*|*imeout*) echo timed-out ;;
    *) echo unknown ;;
  esac
}
attempt() {
  if command -v python3 >/dev/null 2>&1; then
    python3 -c '
import errno, socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
    print("connected")
except socket.gaierror:
    print("unresolved")
except ConnectionRefusedError:
    print("refused")
except (socket.timeout, TimeoutError):
    print("timed-out")
except OSError as error:
    print("unreachable" if error.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH) else "unknown")
' "$1" "$2" "$limit"
  elif command -v node >/dev/null 2>&1; then
    node -e '
const [host, port, limit] = process.argv.slice(1);
const end = (word) => { console.log(word); process.exit(0); };
const words = {ECONNREFUSED: "refused", ENOTFOUND: "unresolved", EAI_AGAIN: "unresolved", ETIMEDOUT: "timed-out",
  EHOSTUNREACH: "unreachable", ENETUNREACH: "unreachable"};
const socket = require("net").connect(Number(port), host, () => end("connected"));
socket.on("error", (error) => end(words[error.code] || "unknown"));
setTimeout(() => end("timed-out"), Number(limit) * 1000);
' "$1" "$2" "$limit"
  elif command -v bash >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
    said=$(timeout "$limit" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$1" "$2" 2>&1); status=$?
    case $status in 0) echo connected ;; 124|143) echo timed-out ;; *) read_words "$said" ;; esac
  elif command -v curl >/dev/null 2>&1; then
    case "$1" in *:*) host="[$1]" ;; *) host=$1 ;; esac
    said=$(curl -sv --noproxy '*' --connect-timeout "$limit" --max-time "$limit" "telnet://$host:$2" </dev/null 2>&1)
    case "$said" in *'onnected to'*|*'stablished connection to'*) echo connected ;; *) read_words "$said" ;; esac
  elif command -v nc >/dev/null 2>&1; then
    if said=$(nc -v -z -w "$limit" "$1" "$2" </dev/null 2>&1); then echo connected; else read_words "$said"; fi
  else
    echo no-tool
  fi
}
number=0
while [ $# -gt 1 ]; do
  echo "$number $(attempt "$1" "$2" 2>/dev/null)"
  number=$((number + 1)); shift 2
done
"""


def command(limit: int, ends: Sequence[tuple[str, int]]) -> list[str]:
    """Return the command to run in a container.

    Args:
        limit: How many seconds each connection may take.
        ends: Hosts and ports, in the order of the answers.
    """
    pairs = (word for host, port in ends for word in (host, str(port)))
    return ["sh", "-c", SCRIPT, "flash-firewall-probe", str(limit), *pairs]


def answers(said: str, count: int) -> tuple[ProbeOutcome, ...]:
    """Return the outcomes in the order of the ends; unknown where the output is not the script's."""
    found = dict.fromkeys(range(count), ProbeOutcome.UNKNOWN)
    known = {outcome.value: outcome for outcome in ProbeOutcome}
    for line in said.splitlines():
        number, _, word = line.partition(" ")
        if number.isascii() and number.isdigit() and len(number) <= len(str(count)) and word.strip() in known:
            index = int(number)
            if index in found:
                found[index] = known[word.strip()]
    return tuple(found.values())
