"""The scripted upstream by hand: python -m tests.upstream [--port 21000] [--relay]"""

import argparse
import asyncio

from tests.upstream import server
from tests.upstream.relay import MODELS, gate

asked = argparse.ArgumentParser(description=server.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
asked.add_argument("--port", type=int, default=0)
asked.add_argument("--relay", action="store_true", help="admit Claude Code's wire image only, as AgentRouter does")
given = asked.parse_args()
upstream = server.Upstream(gate, MODELS) if given.relay else server.Upstream()
asyncio.run(server.listen(given.port, upstream))
