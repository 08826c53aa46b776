"""Asks `privet scan --serve` on this machine."""

import json
import os
from pathlib import Path
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from traitlets import Float, TraitError, Unicode, default, validate
from traitlets.config import Configurable

USUAL_URL = "http://127.0.0.1:8789"


class Trouble(Exception):
    """Why there is no answer: a `code` for programs, a `detail` for people, and the HTTP `status` for the browser."""

    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class PrivetScan(Configurable):
    """Where `privet scan --serve` is, and where its token is. Set in `jupyter_server_config.py`."""

    url = Unicode(help="Its address: http://127.0.0.1:PORT. Default: $PRIVET_SCAN_URL, or http://127.0.0.1:8789.").tag(
        config=True
    )
    token_file = Unicode(
        help="The file with its token. Default: $PRIVET_SCAN_TOKEN_FILE, or scan-serve.token in Privet's folder. "
        "$PRIVET_SCAN_TOKEN holds the token itself and goes first."
    ).tag(config=True)
    timeout = Float(90.0, help="Seconds after which an answer is not waited for any more.").tag(config=True)

    @default("url")
    def _default_url(self):
        # What is left to default is not validated.
        return loopback(os.environ.get("PRIVET_SCAN_URL", USUAL_URL))

    @default("token_file")
    def _default_token_file(self):
        named = os.environ.get("PRIVET_SCAN_TOKEN_FILE")
        if named:
            return named
        data = os.environ.get("XDG_DATA_HOME", "")
        folder = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
        return str(folder / "privet" / "scan-serve.token")

    @validate("url")
    def _valid_url(self, proposal):
        # Notebooks and the token go there: nowhere but to this machine.
        return loopback(proposal["value"])

    def token(self):
        """Read anew each time: it may have been made just now."""
        named = os.environ.get("PRIVET_SCAN_TOKEN", "").strip()
        if named:
            return named
        try:
            return Path(self.token_file).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise Trouble(
                502,
                "no_token",
                f"The token cannot be read from {self.token_file}. Start `privet scan --serve`, which makes it, or name the "
                "file in PRIVET_SCAN_TOKEN_FILE.",
            ) from None

    async def ask(self, method, path, body=None):
        """The answer's bytes: JSON.

        Raises `Trouble` if there is none. Neither the token nor anything of `body` stands in it.
        """
        headers = {"Authorization": f"Bearer {self.token()}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = HTTPRequest(
            loopback(self.url) + path,
            method=method,
            headers=headers,
            body=body,
            connect_timeout=5.0,
            request_timeout=self.timeout,
            follow_redirects=False,
        )
        try:
            response = await AsyncHTTPClient().fetch(request, raise_error=False)
        except (OSError, HTTPClientError):
            raise self._no_server() from None
        if response.code == 599:
            raise self._no_server()
        if response.code == 401:
            raise Trouble(
                502,
                "wrong_token",
                f"`privet scan --serve` at {self.url} does not take the token of {self._token_place()}. It tells at its start in "
                "which file its token is: name that file to Jupyter's server in PRIVET_SCAN_TOKEN_FILE.",
            )
        if response.code != 200:
            # 401 and 403 would tell JupyterLab that the person has to sign in.
            status = response.code if response.code in (400, 413, 422, 503) else 502
            raise Trouble(status, *_problem(response.body))
        return response.body

    def _token_place(self):
        return "PRIVET_SCAN_TOKEN" if os.environ.get("PRIVET_SCAN_TOKEN", "").strip() else self.token_file

    def _no_server(self):
        return Trouble(
            502,
            "no_server",
            f"Nothing answers at {self.url}. Start `privet scan --serve` on the machine of Jupyter's server, or set "
            "PRIVET_SCAN_URL.",
        )


def loopback(url):
    """`url` as http://127.0.0.1:PORT; anything else is refused."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TraitError(f"`{url}` is no address") from None
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost") and parts.username is None
    if not is_here or port is None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise TraitError("the address of `privet scan --serve` is http://127.0.0.1:PORT, on this machine")
    return f"http://127.0.0.1:{port}"


def _problem(body):
    """Code and text of an RFC 9457 problem."""
    try:
        problem = json.loads(body)
        return str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return "no_privet", "What answers there is not `privet scan --serve`."
