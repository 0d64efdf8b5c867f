"""Tokens: who is let in, and everything for which somebody is not."""

import base64
import hashlib
import hmac
import json
from collections import Counter
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from service_kit.errors import Infrastructure, UserError
from service_kit.jwks import (
    MOST_AGE_SECONDS,
    REFRESH_SECONDS,
    RETRY_SECONDS,
    IssuerKeys,
    check_address,
    inside,
)
from service_kit.permissions import PERMISSIONS, ROLES, scopes_of
from service_kit.tokens import LEEWAY_SECONDS, IssuerTokens

ISSUER = "https://id.example"
NOW = 1_295_344_800
ES = ECKey.generate_key("P-256", parameters={"kid": "es"})
RS = RSAKey.generate_key(2048, parameters={"kid": "rs"})
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "paceline",
    "sub": "li.na",
    "exp": NOW + 300,
    "nbf": NOW,
    "iat": NOW,
    "paceline_tenant": "shop",
    "paceline_roles": ["member", "finance"],
    "paceline_team": "content",
}


class Watch:
    """A clock of both kinds that is set by hand."""

    seconds = float(NOW)

    def now_ms(self) -> int:
        return round(self.seconds * 1000)

    def now(self) -> float:
        return self.seconds


class Site:
    """An issuer's pages: what stands at each address, and how often it was asked for."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.pages: dict[str, Any] = {
            f"{ISSUER}/.well-known/openid-configuration": {
                "issuer": ISSUER,
                "jwks_uri": f"{ISSUER}/jwks",
            }
        }
        self.publish(ES, RS)

    def publish(self, *keys: Any) -> None:
        self.pages[f"{ISSUER}/jwks"] = KeySet(list(keys)).as_dict(private=False)

    async def fetch(self, url: str) -> Any:
        self.asked[url] += 1
        if self.pages is None or url not in self.pages:
            raise ValueError("gone")
        return self.pages[url]

    @property
    def fetches(self) -> int:
        return self.asked[f"{ISSUER}/.well-known/openid-configuration"]


class Stage:
    def __init__(self) -> None:
        self.watch = Watch()
        self.site = Site()
        keys = IssuerKeys(ISSUER, self.site.fetch, self.watch.now)
        self.tokens = IssuerTokens(ISSUER, "paceline", keys, self.watch)

    async def refusal(self, text: str) -> UserError:
        with pytest.raises(UserError) as caught:
            await self.tokens.verify(text)
        assert (caught.value.status, caught.value.code) == (401, "token-refused")
        return caught.value


@pytest.fixture
def stage() -> Stage:
    return Stage()


def signed(key: Any = ES, header: dict[str, Any] | None = None, **claims: Any) -> str:
    algorithm = {"EC": "ES256", "RSA": "RS256"}[key.key_type]
    wanted = {"alg": algorithm, "kid": key.kid} | (header or {})
    body = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(wanted, body, key, algorithms=[wanted["alg"]])


def unsigned(header: dict[str, Any], body: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in (header, body)
    ]
    return ".".join([*parts, ""])


def with_public_key_as_secret() -> str:
    text = unsigned({"alg": "HS256", "kid": "rs"}, CLAIMS).rstrip(".")
    digest = hmac.digest(RS.as_pem(private=False), text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


@pytest.mark.parametrize("key", [ES, RS], ids=["ES256", "RS256"])
async def test_a_token_says_tenant_person_roles_and_team(stage: Stage, key: Any) -> None:
    found = await stage.tokens.verify(signed(key))
    assert (found.tenant, found.person, found.team) == ("shop", "li.na", "content")
    assert found.roles == {"member", "finance"}
    assert found.scopes == scopes_of(("member", "finance"))


async def test_a_token_for_several_audiences_is_taken_when_ours_is_among_them(stage: Stage) -> None:
    await stage.tokens.verify(signed(aud=["other", "paceline"]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("iss", "https://id.evil"),
        ("iss", None),
        ("aud", "console"),
        ("aud", ["a", "b"]),
        ("aud", None),
        ("exp", None),
        ("exp", "tomorrow"),
        ("sub", None),
        ("sub", ""),
        ("sub", 7),
        ("iat", NOW + 3600),
        ("paceline_tenant", None),
        ("paceline_tenant", ""),
        ("paceline_tenant", 1),
        ("paceline_roles", "admin"),
        ("paceline_team", ["content"]),
    ],
)
async def test_a_claim_that_is_wrong_or_missing_lets_nobody_in(
    stage: Stage, name: str, value: Any
) -> None:
    await stage.refusal(signed(**{name: value}))


async def test_expiry_and_not_before_have_a_leeway_of_sixty_seconds_and_no_more(
    stage: Stage,
) -> None:
    assert LEEWAY_SECONDS == 60
    await stage.tokens.verify(signed(exp=NOW - 59))
    assert "expired" in (await stage.refusal(signed(exp=NOW - 60))).en
    await stage.tokens.verify(signed(nbf=NOW + 60))
    await stage.refusal(signed(nbf=NOW + 61))


async def test_roles_that_nobody_knows_give_nothing(stage: Stage) -> None:
    found = await stage.tokens.verify(signed(paceline_roles=["root", "viewer", 7]))
    assert found.roles == {"viewer"}
    assert (await stage.tokens.verify(signed(paceline_roles=None))).scopes == frozenset()


async def test_no_other_algorithm_is_taken(stage: Stage) -> None:
    await stage.refusal(with_public_key_as_secret())
    await stage.refusal(unsigned({"alg": "none", "kid": "es"}, CLAIMS))
    await stage.refusal(signed(RS, {"alg": "PS256"}))
    _, body, signature = signed(RS).split(".")
    swapped = unsigned({"alg": "ES256", "kid": "rs"}, {}).partition(".")[0]
    await stage.refusal(f"{swapped}.{body}.{signature}")


async def test_a_changed_or_foreign_token_is_refused(stage: Stage) -> None:
    head, _, signature = signed().split(".")
    forged = unsigned({}, CLAIMS | {"paceline_roles": ["admin"]}).split(".")[1]
    await stage.refusal(f"{head}.{forged}.{signature}")
    stranger = ECKey.generate_key("P-256", parameters={"kid": "es"})
    await stage.refusal(signed(stranger))


async def test_a_token_with_extensions_that_must_be_understood_is_refused(stage: Stage) -> None:
    await stage.refusal(signed(header={"crit": ["b64"], "b64": True}))
    await stage.refusal(unsigned({"alg": "ES256", "kid": "es", "crit": []}, CLAIMS))


@pytest.mark.parametrize(
    "text", ["", "x", "a.b", "a.b.c", "a.b.c.d.e", "é.é.é", "." * 5, "e" * 20_000]
)
async def test_what_is_no_token_is_refused_without_asking_the_issuer(
    stage: Stage, text: str
) -> None:
    await stage.refusal(text)
    assert stage.site.fetches == 0


async def test_a_new_key_is_found_and_made_up_ids_do_not_make_us_fetch(stage: Stage) -> None:
    await stage.tokens.verify(signed())
    new = ECKey.generate_key("P-256", parameters={"kid": "new"})
    stage.site.publish(ES, new)
    await stage.refusal(signed(new))  # within the minute after the last fetch
    assert stage.site.fetches == 1
    stage.watch.seconds += REFRESH_SECONDS
    await stage.tokens.verify(signed(new))
    for number in range(20):
        made_up = ECKey.generate_key("P-256", parameters={"kid": f"x{number}"})
        await stage.refusal(signed(made_up))
    assert stage.site.fetches == 2


async def test_a_withdrawn_key_is_forgotten(stage: Stage) -> None:
    await stage.tokens.verify(signed())
    stage.site.publish(RS)
    stage.watch.seconds += MOST_AGE_SECONDS + 1
    await stage.refusal(signed(exp=NOW + 10_000))


async def test_an_issuer_that_is_silent_leaves_known_keys_in_force(stage: Stage) -> None:
    stage.site.pages, kept = {}, stage.site.pages
    with pytest.raises(Infrastructure):
        await stage.tokens.verify(signed())
    with pytest.raises(Infrastructure):
        await stage.tokens.verify(signed())
    assert stage.site.fetches == 1
    stage.site.pages = kept
    stage.watch.seconds += RETRY_SECONDS
    await stage.tokens.verify(signed())
    stage.site.pages = {}
    stage.watch.seconds += MOST_AGE_SECONDS + 1
    await stage.tokens.verify(signed(exp=NOW + 10_000))


async def test_an_issuer_that_calls_itself_something_else_gives_no_keys(stage: Stage) -> None:
    stage.site.pages[f"{ISSUER}/.well-known/openid-configuration"]["issuer"] = "https://id.evil"
    with pytest.raises(Infrastructure):
        await stage.tokens.verify(signed())


async def test_a_key_for_encrypting_verifies_nothing(stage: Stage) -> None:
    stage.site.pages[f"{ISSUER}/jwks"]["keys"][0]["use"] = "enc"
    await stage.refusal(signed())


async def test_an_issuer_with_one_key_may_leave_its_id_out(stage: Stage) -> None:
    stage.site.publish(ES)
    nameless = {"alg": "ES256"}
    await stage.tokens.verify(jwt.encode(nameless, CLAIMS, ES))


async def test_an_issuer_that_withdraws_every_key_lets_nobody_in(stage: Stage) -> None:
    token = signed(exp=NOW + 10_000)
    await stage.tokens.verify(token)
    stage.site.pages[f"{ISSUER}/jwks"] = {"keys": []}
    stage.watch.seconds += MOST_AGE_SECONDS + 1
    assert "expired" not in (await stage.refusal(token)).en


@pytest.mark.parametrize(
    "page", [None, [], {"keys": None}, {"keys": ["x"]}, {"keys": [{"kty": "EC"}]}, {}]
)
async def test_a_key_page_that_makes_no_sense_gives_no_keys(stage: Stage, page: Any) -> None:
    stage.site.pages[f"{ISSUER}/jwks"] = page
    with pytest.raises(Infrastructure):
        await stage.tokens.verify(signed())


@pytest.mark.parametrize("url", ["http://id.example", "ftp://127.0.0.1", "id.example", ""])
def test_an_issuer_beyond_this_machine_needs_https(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        check_address(url)
    check_address("https://id.example")
    check_address("http://127.0.0.1:8105")


def test_a_container_reaches_the_issuer_of_this_machine_at_another_address() -> None:
    reached = inside("http://127.0.0.1:8105", "http://issuer:8105/")
    assert reached("http://127.0.0.1:8105/jwks.json") == "http://issuer:8105/jwks.json"
    assert reached("http://127.0.0.1:81050/jwks.json") == "http://127.0.0.1:81050/jwks.json"
    assert inside("http://127.0.0.1:8105", None)("http://127.0.0.1:8105/x").startswith("http://127")


def test_an_issuer_beyond_this_machine_is_asked_at_its_own_address_whatever_is_set() -> None:
    reached = inside("https://id.example", "http://issuer:8105")
    assert reached("https://id.example/jwks") == "https://id.example/jwks"


def test_every_line_of_the_table_names_known_roles_and_admins_may_do_everything() -> None:
    for roles in PERMISSIONS.values():
        assert roles <= set(ROLES)
        assert "admin" in roles
    assert scopes_of(()) == scopes_of(("root",)) == frozenset()
