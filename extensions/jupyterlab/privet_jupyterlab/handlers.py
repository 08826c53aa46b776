"""What the panel asks Jupyter's server for. Who is signed in there may ask; the token stays here."""

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from .scan import Trouble

# The longest body that `privet scan --serve` takes.
MOST_BYTES = 32 << 20


class PrivetHandler(APIHandler):
    """Hands a request on, and the answer back. Whoever may read notebooks may have them scanned."""

    auth_resource = "contents"

    def initialize(self, scan):
        self.scan = scan

    async def hand_on(self, method, path, body=None):
        self.set_header("Cache-Control", "no-store")
        try:
            if body is not None and len(body) > MOST_BYTES:
                raise Trouble(413, "too_large", f"The notebook is longer than {MOST_BYTES} bytes.")
            self.finish(await self.scan.ask(method, path, body))
        except Trouble as trouble:
            self.set_status(trouble.status)
            self.finish({"code": trouble.code, "message": trouble.detail})


class StatusHandler(PrivetHandler):
    """Whether `privet scan --serve` answers."""

    @web.authenticated
    @authorized("read")
    async def get(self):
        await self.hand_on("GET", "/v1/healthz")


class ScanHandler(PrivetHandler):
    """The findings in a notebook."""

    @web.authenticated
    @authorized("read")
    async def post(self):
        await self.hand_on("POST", "/v1/scan", self.request.body)


class RedactHandler(PrivetHandler):
    """A notebook without what was found. Nothing is written here."""

    @web.authenticated
    @authorized("read")
    async def post(self):
        await self.hand_on("POST", "/v1/redact", self.request.body)


def handlers(base_url, scan):
    """The addresses below `privet/`."""
    named = {"status": StatusHandler, "scan": ScanHandler, "redact": RedactHandler}
    return [(url_path_join(base_url, "privet", name), handler, {"scan": scan}) for name, handler in named.items()]
