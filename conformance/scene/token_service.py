"""The token endpoint of the target, for scenarios that ask it by hand."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from conformance.client.credentials import basic, challenge_of, token_in, token_url
from conformance.client.exchange import Exchange
from conformance.client.identity import Identity
from conformance.client.steps import unprepared
from conformance.client.tokens import _NO_POST, CLIENT, FORM, text_in
from conformance.scene.actors import Clients, unsupported


@dataclass(frozen=True, slots=True)
class TokenService:
    """Where a registry sends its clients for tokens, what it is called there, and which scopes it named."""

    clients: Clients
    realm: str
    service: str
    scopes: tuple[str, ...] = ()

    def get(self, who: str, *scopes: str, service: str | None = None, **more: str) -> Exchange:
        """Ask for a token with GET as an identity of the target."""
        identity = self.identity(who)
        headers = [] if identity.anonymous else [("Authorization", basic(identity.username, identity.secret))]
        url = token_url(self.realm, service=self.service if service is None else service, scopes=scopes, **more)
        return self.clients.unwatched().request("GET", url, headers=headers)

    def token(self, who: str, *scopes: str) -> str:
        """A token that a scenario needs before it begins."""
        answer = self.get(who, *scopes)
        return token_in(answer) or _missing("get a token", answer)

    def start_upload(self, repository: str, token: str) -> Exchange:
        """Begin a push at the registry with a token."""
        return self.clients.bearing(token).start_upload(repository)

    def get_blob(self, repository: str, digest: str, token: str) -> Exchange:
        """Pull a blob from the registry with a token, from wherever that leads to."""
        client = self.clients.bearing(token)
        return client.follow(client.get_blob(repository, digest))

    def form(self, who: str, **more: str) -> dict[str, str]:
        """The fields of a POST for the grant type password."""
        identity = self.identity(who)
        grant = {"grant_type": "password", "username": identity.username, "password": identity.secret}
        return {**grant, "service": self.service, "client_id": CLIENT, **more}

    def refresh_form(self, refresh_token: str, **more: str) -> dict[str, str]:
        """The fields of a POST for the grant type refresh_token."""
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return {**grant, "service": self.service, "client_id": CLIENT, **more}

    def post(self, fields: dict[str, str]) -> Exchange:
        """Ask for a token with POST; unsupported where the service knows GET alone."""
        answer = self.clients.unwatched().request("POST", self.realm, headers=[FORM], body=urlencode(fields).encode())
        if answer.status in _NO_POST:
            unsupported(f"POST to the token service answered {answer.status}")
        return answer

    def refresh_token(self, who: str, **more: str) -> str:
        """A refresh token that a scenario needs before it begins, from POST."""
        answer = self.post(self.form(who, access_type="offline", **more))
        return text_in(answer, "refresh_token") or _missing("get a refresh token", answer)

    def identity(self, who: str) -> Identity:
        """Somebody of the target; unsupported where there is nobody of that name, or who writes has no credentials."""
        found = self.clients.find(who)
        if who == "writer" and found.anonymous:
            unsupported("the target was not told who may push")
        return found


def token_service(clients: Clients, repository: str) -> TokenService:
    """The token service that the registry names to whoever asks for the tags of a repository."""
    answer = clients.silent().list_tags(repository)
    challenge = challenge_of(answer, "bearer")
    if challenge is None or not challenge.fields.get("realm"):
        raise unprepared("find out where tokens are issued", answer)
    return TokenService(
        clients, challenge.fields["realm"], challenge.fields.get("service", ""), tuple(challenge.scopes)
    )


def _missing(what: str, answer: Exchange) -> str:
    raise unprepared(what, answer)
