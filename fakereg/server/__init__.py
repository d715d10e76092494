"""The embedded server: sockets and threads around h11, which parses and writes HTTP/1.1.

`Server` serves any WSGI application, such as a `fakereg.Registry` that other WSGI code wraps.

One thread accepts connections, and one thread serves each connection. A body is read when the application reads it. So
`100 Continue` is sent once and only if the body is needed, and an early refusal while the client is still sending.
"""

from fakereg.server.listener import Server

__all__ = ["Server"]
