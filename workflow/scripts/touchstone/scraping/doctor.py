"""The network as a scrape will find it: names, proxies, a sample of real addresses."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.scraping import DEFAULTS, Answer
from touchstone.scraping.addresses import refusal
from touchstone.scraping.direct import engine
from touchstone.scraping.verdicts import blames_network, histogram, is_network

SAMPLE = 100  # addresses of each list
# Asked where no list is there yet: hosts that are meant for it, or that nothing would go without.
KNOWN = [
    "http://example.com/",
    "https://example.org/",
    "https://www.wikipedia.org/",
    "https://pypi.org/",
    "https://www.python.org/",
]
NO_NAMES = (
    "names are not found: is the name server of this node the right one (/etc/resolv.conf)? Many sites let "
    "no name out of compute nodes; run where there is internet (a partition for transfers), or set http_proxy and https_proxy"
)
ADVICE = {
    "no_such_host": NO_NAMES,
    "lookup_failed": NO_NAMES,
    "timed_out": "nothing comes back: a firewall drops it, or too much is asked at once; run where there is internet, set "
    "http_proxy and https_proxy, or lower `threads`",
    "not_connected": "connections are refused: is the proxy of http_proxy and https_proxy right, and is it up?",
    "broken_off": "connections end early: a proxy or firewall ends them; try fewer `threads`",
    "bad_certificate": "certificates are not believed: a proxy puts its own in; point SSL_CERT_FILE at its authority",
    "host_down": "hosts went unanswered; see the others",
}


def check_network(*, recipes: dict[str, dict], indices: dict[str, str], progress: Progress) -> None:
    """Say how the web answers from this node: by a sample of each origin's list, or by known hosts.

    Args:
        recipes: Recipe of each origin that is scraped.
        indices: Its index; one that is not there yet is left out.

    Raises:
        TouchstoneError: Most addresses are not reached; says what that looks like and what to do.
    """
    proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme in ("http", "https")}
    progress.say(f"proxies: {', '.join(f'{scheme} by {_bare(proxy)}' for scheme, proxy in proxies.items()) or 'none'}")
    progress.say(f"name servers: {', '.join(_name_servers()) or 'none in /etc/resolv.conf'}")
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    progress.say(f"open files: at most {files:,}")
    progress.say(f"contact in the user agent: {os.environ.get('TOUCHSTONE_CONTACT') or 'none; set TOUCHSTONE_CONTACT'}")
    samples = {origin: _sample(indices[origin], recipe) for origin, recipe in recipes.items() if Path(indices[origin]).exists()}
    if not any(samples.values()):
        progress.say("no list of addresses is there yet, so known hosts are asked")
        samples = {"known hosts": dict(enumerate(KNOWN))}
    bad = [origin for origin, asked in samples.items() if asked and not _try(origin, asked, recipes.get(origin, {}), progress)]
    if bad:
        raise TouchstoneError(f"this node does not reach most addresses of {', '.join(bad)}", mend="see the lines above")
    progress.say("the network is in order")


def _try(origin: str, asked: dict[int, str], recipe: dict, progress: Progress) -> bool:
    """Ask for a sample and say what came of it; whether most were reached."""
    settings = DEFAULTS | {key: recipe[key] for key in DEFAULTS if key in recipe} | {"total": 30}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, engine(settings, Path(scratch), None) as fetch:
        answers: list[Answer] = list(fetch(asked))
    seconds = time.monotonic() - started
    n_bytes = sum(len(answer.data) for answer in answers)
    hosts = len({urlsplit(url).hostname for url in asked.values()})
    told = histogram((answer.reason, answer.scrape) for answer in answers)
    progress.say(f"{origin}: {len(asked)} addresses on {hosts} hosts in {seconds:.1f} s, {n_bytes / 1e6:.1f} MB: {told}")
    answered = sum(not is_network(answer.scrape) for answer in answers)
    failed = Counter(answer.scrape["status"] for answer in answers if blames_network(answer.scrape, answered))
    failed["bad_certificate"] = sum(answer.scrape["status"] == "bad_certificate" for answer in answers)
    if failed.total() <= settings["max_unreached"] * len(asked):
        return True
    progress.say(f"{origin}: {ADVICE[failed.most_common(1)[0][0]]}")
    return False


def _sample(index: str, recipe: dict) -> dict[int, str]:
    """Addresses spread over the list."""
    urls = pq.read_table(index, columns=["source_url"])["source_url"]
    chosen = urls.take(pa.array(range(0, len(urls), max(1, len(urls) // SAMPLE)))).to_pylist()[:SAMPLE]
    return {row: url for row, url in enumerate(chosen) if not refusal(url, recipe.get("networks", []))}


def _bare(proxy: str) -> str:
    """A proxy without its password."""
    return proxy.rpartition("@")[2]


def _name_servers() -> list[str]:
    try:
        lines = Path("/etc/resolv.conf").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
