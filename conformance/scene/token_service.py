"""The token endpoint of the target, for scenarios that send it requests directly."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from conformance.client.credentials import basic, challenge_of, token_in, token_url
from conformance.client.exchange import Exchange
from conformance.client.identity import Identity
from conformance.client.steps import unprepared
from conformance.client.tokens import CLIENT, FORM, NO_POST, text_in
from conformance.scene.actors import Clients, unconfigured, unsupported


@dataclass(frozen=True, slots=True)
class TokenService:
    """The token service of a registry: its URL, the name of the registry there, and the scopes of the challenge."""

    clients: Clients
    realm: str
    service: str
    scopes: tuple[str, ...] = ()

    def get(self, who: str, *scopes: str, service: str | None = None, **more: str) -> Exchange:
        """Request a token with GET as an identity of the target."""
        identity = self.identity(who)
        headers = [] if identity.anonymous else [("Authorization", basic(identity.username, identity.secret))]
        url = token_url(self.realm, service=self.service if service is None else service, scopes=scopes, **more)
        return self.clients.unwatched().request("GET", url, headers=headers)

    def token(self, who: str, *scopes: str) -> str:
        """Get a token that a scenario needs before it begins."""
        answer = self.get(who, *scopes)
        return token_in(answer) or _missing("get a token", answer)

    def start_upload(self, repository: str, token: str) -> Exchange:
        """Start an upload at the registry with a token."""
        return self.clients.bearing(token).start_upload(repository)

    def get_blob(self, repository: str, digest: str, token: str) -> Exchange:
        """Pull a blob from the registry with a token, following redirects."""
        client = self.clients.bearing(token)
        return client.follow(client.get_blob(repository, digest))

    def form(self, who: str, **more: str) -> dict[str, str]:
        """Return the fields of a POST for the grant type password."""
        identity = self.identity(who)
        grant = {"grant_type": "password", "username": identity.username, "password": identity.secret}
        return {**grant, "service": self.service, "client_id": CLIENT, **more}

    def refresh_form(self, refresh_token: str, **more: str) -> dict[str, str]:
        """Return the fields of a POST for the grant type refresh_token."""
        grant = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return {**grant, "service": self.service, "client_id": CLIENT, **more}

    def post(self, fields: dict[str, str]) -> Exchange:
        """Request a token with POST; the scenario is unsupported if the service accepts only GET."""
        answer = self.clients.unwatched().request("POST", self.realm, headers=[FORM], body=urlencode(fields).encode())
        if answer.status in NO_POST:
            unsupported(f"POST to the token service answered {answer.status}")
        return answer

    def refresh_token(self, who: str, **more: str) -> str:
        """Get a refresh token that a scenario needs before it begins, with POST."""
        answer = self.post(self.form(who, access_type="offline", **more))
        return text_in(answer, "refresh_token") or _missing("get a refresh token", answer)

    def identity(self, who: str) -> Identity:
        """Find an identity; the scenario is skipped without it, or if the writer has no credentials."""
        found = self.clients.find(who)
        if who == "writer" and found.anonymous:
            unconfigured("no credentials of a writer are configured (--conformance-username)")
        return found


def token_service(clients: Clients, repository: str) -> TokenService:
    """Find the token service by the challenge to a request for the tags of a repository."""
    answer = clients.silent().list_tags(repository)
    challenge = challenge_of(answer, "bearer")
    if challenge is None or not challenge.fields.get("realm"):
        raise unprepared("find out where tokens are issued", answer)
    return TokenService(
        clients, challenge.fields["realm"], challenge.fields.get("service", ""), tuple(challenge.scopes)
    )


def _missing(what: str, answer: Exchange) -> str:
    raise unprepared(what, answer)
