"""The findings of `privet scan --serve` in JupyterLab: the part in Jupyter's server, which knows the token."""

from .handlers import handlers
from .scan import PrivetScan

__version__ = "0.1.0"


def _jupyter_server_extension_points():
    return [{"module": "privet_jupyterlab"}]


def _load_jupyter_server_extension(server_app):
    scan = PrivetScan(parent=server_app)
    web_app = server_app.web_app
    web_app.add_handlers(".*$", handlers(web_app.settings["base_url"], scan))
    server_app.log.info("privet: notebooks are scanned at %s", scan.url)
