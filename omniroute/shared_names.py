"""Names below which strangers can have theirs: an entry such as `.co.uk` for the server's own host names would let them all in.

The check of the Host header ends DNS rebinding, and who rebinds registers a name first. So a name with a dot in front must be
somebody's own. The whole list of public suffixes has 10,000 lines that change weekly; these are its short rules, and the names
that are likely to be written here because a gateway runs below them (after publicsuffix.org, 2026-11). Any other name passes.
"""

from __future__ import annotations

# Second parts below a country's two letters that are registries of their own: co.uk, com.au, or.jp.
_REGISTRIES = """
    ac asn asso biz co com edu gen go gob gouv gov gv id ind info lg ltd me mil ne net nhs nic nom or org plc pol res sch web
"""
# The largest of the top-level names that are sold to everybody; those of two letters are countries', all of them.
_TOP = """
    academy agency ai app biz blog cloud club com company dev digital email fun group host info life link live ltd media
    mobi net network news online org page pro shop site solutions space store studio systems team tech today tools top vip
    website wiki work world xyz zone
"""
# Where anybody may have a name: clouds, tunnels, dynamic DNS, and names that say their own address.
_HOSTING = """
    herokuapp.com fly.dev onrender.com vercel.app now.sh netlify.app pages.dev workers.dev
    github.io gitlab.io web.app firebaseapp.com trafficmanager.net blogspot.com
    cloudfront.net ondigitalocean.app koyeb.app northflank.app render.com replit.app repl.co glitch.me deno.dev
    hf.space cleverapps.io zeabur.app modal.run
    trycloudflare.com cfargotunnel.com loca.lt localhost.run
    lhr.life serveo.net ts.net tunnelmole.net bore.pub
    duckdns.org no-ip.org ddns.net hopto.org zapto.org sytes.net myftp.org dyndns.org dynu.net freeddns.org afraid.org
    synology.me myqnapcloud.com myfritz.net nip.io sslip.io xip.io traefik.me lvh.me localtest.me
"""
# The same with regions, services or plans between: eu-central-1.elb.amazonaws.com, eu.ngrok.io. How deep differs and changes,
# so all below them counts as shared.
_REGIONAL = """
    amazonaws.com amazonaws.com.cn on.aws elasticbeanstalk.com awsapprunner.com
    azure.com azurewebsites.net azurecontainerapps.io azurestaticapps.net azureedge.net cloudapp.net windows.net
    run.app appspot.com appdomain.cloud digitaloceanspaces.com linodeobjects.com scw.cloud scalingo.io clever-cloud.com
    railway.app sealos.run replit.dev github.dev gitpod.io pythonanywhere.com
    ngrok.io ngrok.app ngrok.dev ngrok-free.app ngrok-free.dev devtunnels.ms pinggy.link
"""


def shared_by_strangers(name: str) -> bool:
    """Whether anybody may have a name below `name` (lower case, without a dot in front and without a port).

    A single part that is no known top-level name, such as `lan`, is taken for one of the operator's own network.
    """
    first, _, rest = name.partition(".")
    if not rest:
        return len(first) == 2 or first in _TOP.split()
    if any(name == each or name.endswith(f".{each}") for each in _REGIONAL.split()):
        return True
    return name in _HOSTING.split() or (len(rest) == 2 and first in _REGISTRIES.split())
