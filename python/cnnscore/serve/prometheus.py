"""What a server tells Prometheus of itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, make_wsgi_app
from prometheus_client.process_collector import ProcessCollector

from cnnscore.errors import BadOutput
from cnnscore.version import __version__
from cnnscore.wire.address import Address
from cnnscore.wire.messages import ServerDescription

SCRAPERS = 8


class Metrics:
    """Counters of one server, in a registry of their own; any thread may count."""

    def __init__(self, server: ServerDescription) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("cnnscore", "The server and its network", registry=registry).info(
            {
                "version": __version__,
                "model": server.description.model,
                "encoding": server.description.encoding,
                "provider": server.description.provider,
            }
        )
        self.sites = Counter("cnnscore_sites", "Sites scored", registry=registry)
        self.batches = Counter("cnnscore_batches", "Window batches answered", registry=registry)
        self.refused = Counter(
            "cnnscore_refused", "Streams ended with an error", ["code"], registry=registry
        )
        self.streams = Gauge("cnnscore_streams", "Streams open", registry=registry)
        self.held_bytes = Gauge(
            "cnnscore_queue_bytes", "Bytes of window batches waiting or in work", registry=registry
        )
        self.queue_sites = Gauge(
            "cnnscore_queue_sites", "Sites that wait for a worker", registry=registry
        )
        self.job_sites = Histogram(
            "cnnscore_job_sites",
            "Sites scored together (batch fill)",
            buckets=[2**i for i in range(13)],
            registry=registry,
        )
        self.job_batches = Histogram(
            "cnnscore_job_batches",
            "Window batches joined to be scored together",
            buckets=[1, 2, 4, 8, 16, 32, 64],
            registry=registry,
        )
        self.seconds = Histogram(
            "cnnscore_batch_seconds",
            "From a window batch's arrival to its scores",
            buckets=[0.001 * 4**i for i in range(10)],
            registry=registry,
        )

    def watch_queue(self, sites: Callable[[], int]) -> None:
        """Ask `sites` for the length of the queue whenever somebody looks."""
        self.queue_sites.set_function(sites)

    def job(self, sites: int, batches: int) -> None:
        """Count what a worker scores together."""
        self.job_sites.observe(sites)
        self.job_batches.observe(batches)

    def answered(self, sites: int, seconds: float) -> None:
        """Count a window batch."""
        self.sites.inc(sites)
        self.batches.inc()
        self.seconds.observe(seconds)

    def listen(self, address: Address) -> tuple[Address, Callable[[], None]]:
        """Serve the text form at http://HOST:PORT/metrics; where, and how to stop.

        Errors: BadOutput when nobody can listen there.
        """
        try:
            server = _Listener(address, make_wsgi_app(self.registry))
        except OSError as error:
            raise BadOutput(
                f"cannot listen for metrics at {address}: {error.strerror or error}"
            ) from None
        thread = threading.Thread(target=server.serve_forever, daemon=True, name="metrics")
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return Address(host=address.host, port=server.server_port), stop


class _Handler(WSGIRequestHandler):
    """One request; whoever is slower is left."""

    timeout = 5

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class _Listener(ThreadingMixIn, WSGIServer):
    """A web server for a few scrapers at a time; others are turned away, not queued."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: Address, app: Any) -> None:
        self.address_family = socket.getaddrinfo(address.host, address.port)[0][0]
        self._places = threading.Semaphore(SCRAPERS)
        super().__init__((address.host, address.port), _Handler)
        self.set_app(app)

    def process_request(self, request: Any, client_address: Any) -> None:
        """In a thread, if there is a place."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """And give the place back."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A scraper that left: nothing to say."""
