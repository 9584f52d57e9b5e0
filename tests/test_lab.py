"""JupyterLab is opened only behind its token, whatever a user's own settings say."""

import http.server
import threading

import pytest

from cnnlab.course import lab

TOKEN = "f00d"


class Stopped:
    """Stands for the server's process."""

    ended = False

    def terminate(self):
        self.ended = True

    def wait(self):
        return 0


@pytest.fixture
def address_of():
    """Return a function: what ``lab`` says of a server that lists files so."""
    servers = []

    def ask(serves):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                token = (self.headers["Authorization"] or "").removeprefix("token ")
                place = serves(token)
                self.send_response(200 if place == self.path else 302 if place else 403)
                if place:
                    self.send_header("Location", place)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        process = Stopped()
        return process, lambda: lab._address(process, server.server_port, TOKEN)

    yield ask
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_behind_its_token_is_shown_with_it(address_of):
    process, address = address_of(lambda token: token == TOKEN and "/api/contents")
    assert address().endswith(f"?token={TOKEN}") and not process.ended


def test_a_server_that_asks_for_no_token_is_stopped(address_of):
    process, address = address_of(lambda token: "/api/contents")
    with pytest.raises(ValueError, match="settings switch the token off.*stopped"):
        address()
    assert process.ended


def test_a_token_of_the_users_own_is_not_shown_as_ours(address_of):
    said = address_of(lambda token: token == "other" and "/api/contents")[1]()
    assert TOKEN not in said and "token or password of your own" in said


def test_a_page_to_log_in_is_no_open_server(address_of):
    process, address = address_of(lambda token: "/login")
    assert "password of your own" in address() and not process.ended
