"""The command ``flash-firewall``: its verbs, one module each.

A verb's module may import at its top only what describes its options; what does the work is imported when it is called,
so that every verb starts quickly.
"""

import typer

from flash_ticket.cli.check import check
from flash_ticket.cli.denied import denied
from flash_ticket.cli.diff import diff
from flash_ticket.cli.explain import explain
from flash_ticket.cli.inventory import inventory
from flash_ticket.cli.learn import learn
from flash_ticket.cli.list_connections import list_connections
from flash_ticket.cli.replay import replay
from flash_ticket.cli.resume import resume
from flash_ticket.cli.rollback import rollback
from flash_ticket.cli.suspend import suspend
from flash_ticket.cli.verify import verify

app = typer.Typer(
    name="flash-firewall",
    help="What Pulumi has no verb for: proof, listing, comparison and explanation of both firewalls.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(check)
app.command("list")(list_connections)
app.command("diff")(diff)
app.command("explain")(explain)
app.command("denied")(denied)
app.command("inventory")(inventory)
app.command("replay")(replay)
app.command("learn")(learn)
app.command("verify")(verify)
app.command("suspend")(suspend)
app.command("resume")(resume)
app.command("rollback")(rollback)

if __name__ == "__main__":
    app()
