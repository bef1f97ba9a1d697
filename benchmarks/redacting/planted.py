"""Secrets as they stand in real logs, none of them real: each is made from a fixed seed."""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_LETTERS = string.ascii_letters + string.digits


class Planted(NamedTuple):
    """A value, and the part of it that must not come through."""

    kind: str
    value: Any
    secret: str


class _Maker:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def text(self, length: int, alphabet: str = _LETTERS) -> str:
        """Random, and with a digit and a letter in it wherever the alphabet has both."""
        made = "".join(self._random.choice(alphabet) for _ in range(length - 2))
        return made + ("7" if "7" in alphabet else alphabet[0]) + ("A" if "A" in alphabet else alphabet[-1])

    def word(self) -> str:
        """A password as people choose it."""
        return self._random.choice(("hunter", "tr0ub4dor", "s3cr3t", "qwertz", "Winter")) + self.text(
            4, string.digits
        )

    def base64(self, text: str) -> str:
        """Base64 of a text."""
        return base64.b64encode(text.encode()).decode()

    def jwt(self) -> str:
        """Three parts, as they are signed."""
        head = self.base64('{"alg":"HS256","typ":"JWT"}').rstrip("=")
        body = self.base64(json.dumps({"sub": self.text(8), "exp": 1})).rstrip("=")
        return f"{head}.{body}.{self.text(43)}"


_KEYS = [
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "token",
    "access_token",
    "refreshToken",
    "id_token",
    "api_key",
    "apiKey",
    "X-API-Key",
    "secret",
    "client_secret",
    "clientSecret",
    "aws_secret_access_key",
    "private_key",
    "privateKey",
    "credentials",
    "cookie",
    "Set-Cookie",
    "jwt",
    "Mcp-Session-Id",
    "authorization",
    "Proxy-Authorization",
    "DB_PASSWORD",
    "PGPASSWORD",
    "dbPassword",
    "access_key",
    "AccountKey",
    "encryption_key",
    "signing_key",
    "auth_token",
    "authToken",
    "session_token",
    "csrf_token",
    "bearer",
    "OPENAI_API_KEY",
    "smtp_pass",
    "user_password",
    "password_confirmation",
    "new-password",
    "webhook_secret",
    "otp",
    "sessionid",
    "secretAccessKey",
    "ssh_private_key",
    "sharedAccessKey",
    "master_key",
    "recovery_phrase",
]

_HEADERS: list[tuple[str, Callable[[_Maker, str], str]]] = [
    ("ApiKey", lambda _, s: f"ApiKey {s}"),
    ("Bearer", lambda _, s: f"Bearer {s}"),
    ("Token", lambda _, s: f"Token {s}"),
    ("Negotiate", lambda _, s: f"Negotiate YII{s}=="),
    ("NTLM", lambda _, s: f"NTLM TlRMTVNTUAAB{s}"),
    ("Digest", lambda _, s: f'Digest username="bob", realm="gates", nonce="abc", response="{s}"'),
    (
        "AWS4",
        lambda _, s: (
            f"AWS4-HMAC-SHA256 Credential=x/20260101/us/s3/aws4_request, SignedHeaders=host, Signature={s}"
        ),
    ),
    ("Hawk", lambda _, s: f'Hawk id="dh37", ts="1353832234", mac="{s}"'),
    ("none", lambda _, s: s),
]

_PROVIDERS: list[tuple[str, Callable[[_Maker], str]]] = [
    ("openai", lambda m: "sk-proj-" + m.text(40)),
    ("anthropic", lambda m: "sk-ant-api03-" + m.text(60)),
    ("github", lambda m: "ghp_" + m.text(36)),
    ("github server", lambda m: "ghs_" + m.text(36)),
    ("github fine", lambda m: "github_pat_" + m.text(22) + "_" + m.text(59)),
    ("gitlab", lambda m: "glpat-" + m.text(20)),
    ("aws", lambda m: "AKIA" + m.text(16, string.ascii_uppercase + "234567")),
    ("aws temporary", lambda m: "ASIA" + m.text(16, string.ascii_uppercase + "234567")),
    ("google", lambda m: "AIza" + m.text(35)),
    ("google oauth", lambda m: "ya29." + m.text(60)),
    ("npm", lambda m: "npm_" + m.text(36)),
    ("huggingface", lambda m: "hf_" + m.text(34)),
    ("slack", lambda m: "xoxb-" + m.text(12, string.digits) + "-" + m.text(24)),
    ("stripe", lambda m: "sk_live_" + m.text(24)),
    ("pypi", lambda m: "pypi-AgEIcHlwaS5vcmc" + m.text(50)),
    ("sendgrid", lambda m: "SG." + m.text(22) + "." + m.text(43)),
    ("vault", lambda m: "hvs." + m.text(24)),
    ("groq", lambda m: "gsk_" + m.text(52)),
    ("shopify", lambda m: "shpat_" + m.text(32, "0123456789abcdef")),
    ("telegram", lambda m: m.text(10, string.digits) + ":AA" + m.text(33)),
    ("digitalocean", lambda m: "dop_v1_" + m.text(64, "0123456789abcdef")),
    ("jwt", lambda m: m.jwt()),
]

_TEXTS = (
    "password: {w}",
    "password: a {w}",
    "password=a,{w}",
    "password = {w}",
    "password='{w}'",
    "the password is {w}",
    "passwd={w}",
    "PGPASSWORD={w} psql -h db",
    "pwd={w};database=x",
    "login --password {w} --user bob",
    "curl -u bob:{w} https://example.com",
    "tool --api-key {w}",
    "tool --api-key={w} --verbose",
    "tool --token {w}",
    "env TOKEN={w} run",
    "Config(password='{w}', user='me')",
    "{{'password': '{w}', 'user': 'me'}}",
    "{{'credentials': {{'user': 'me', 'pass': '{w}'}}}} sent",
    ':password => "{w}"',
    "<password>{w}</password>",
    "('Authorization', 'Basic {w}') sent",
    "[(b'authorization', b'ApiKey {w}')]",
    "argv: ['--token', '{w}']",
    "Authorization: ApiKey {w}",
    "Authorization: Negotiate {w}AAAA",
    "authorization: {w}",
    "got 'Authorization: Bearer {w}' from the client",
    "> Authorization: Token {w}\n> Host: x",
    "Cookie: theme=dark; sid={w}",
    "Set-Cookie: session={w}; Path=/; HttpOnly",
    "Mcp-Session-Id: {w}",
    "postgresql://godot:{w}@db.example:5432/godot",
    "postgresql://godot:a/{w}@db.example/godot",
    "redis://:{w}@127.0.0.1:6379/0",
    "amqp://u:p@{w}@host/x",
    "https://{w}abcdef@git.example/x.git",
    "host=db user=me password={w} dbname=x",
    "Server=x;User Id=me;Password={w};",
    "DefaultEndpointsProtocol=https;AccountName=x;AccountKey={w}abcdefgh==;EndpointSuffix=y",
    "https://x.blob.example/c?sv=2024&sig={w}%2Fabc%3D&se=1",
    "https://x.example/cb?code={w}xyz&state=1",
    "GET /x?access_token={w}&page=2",
    "GET /x?api_key={w}",
    'token=\\"{w}\\"',
    '"token": "{w}"',
    '{{"jsonrpc":"2.0","params":{{"api_key":"{w}","x":1',
    '{{\\"password\\":\\"{w}\\"}} cut',
    "api key: {w}",
    "API Key = {w}",
    "private key: {w}",
    "secret access key: {w}",
    "client_secret={w}&grant_type=x",
    "x-api-key: {w}",
    "JWT: {w}",
    "passphrase: correct horse {w}",
    "bearer {w}abcdef",
    "credentials={w}",
    '{{"name":"DB_PASSWORD","value":"{w}"',
    "MYSQL_PWD={w}",
    "export AWS_SECRET_ACCESS_KEY={w}/abc+def",
    "_authToken={w}",
    "//registry.example/:_authToken={w}",
    "aws_session_token = {w}",
    "otp={w}",
)  # fmt: skip


def _structures(maker: _Maker) -> Iterator[Planted]:
    for key in _KEYS:
        word = maker.word()
        yield Planted(f"key {key}", {"data": {key: word, "other": 1}}, word)
    for name, header in _HEADERS:
        for shape in range(4):
            secret = maker.text(16)
            text = header(maker, secret)
            forms = (
                {"headers": {"Authorization": text}},
                {"headers": [["Authorization", text], ["Host", "x"]]},
                {"scope": {"headers": [[b"authorization", text.encode()], [b"host", b"x"]]}},
                {"rawHeaders": ["Host", "x", "Authorization", text]},
            )
            yield Planted(f"header {name}", forms[shape], secret)
    for form in range(18):
        word = maker.word()
        yield Planted("pair", _pair(form, word), word)


def _pair(form: int, word: str) -> Any:
    return (
        ["--token", word],
        {"args": ["serve", "--api-key", word, "--port", "1"]},
        {"args": ["serve", f"--password={word}"]},
        {"env": [{"name": "DB_PASSWORD", "value": word}]},
        {"env": [{"key": "API_TOKEN", "value": word}]},
        {"headers": [{"name": "Authorization", "value": f"ApiKey {word}"}]},
        {"cookies": [{"name": "sid", "value": word}]},
        ["password", word],
        {"items": [["user", "bob"], ["password", word]]},
        {"auth": ["bob", word]},
        {"auth": f"bob:{word}"},
        {"user": "bob", "pass": word},
        {"grant_type": "authorization_code", "code": word},
        {"properties": {"password": word}},
        {"properties": {"token": {"type": "string", "default": word}}},
        {"text": json.dumps({"a": [{"secret": word}]})},
        {"text": json.dumps({"t": json.dumps({"password": word})})},
        {"headers": {"x-amz-security-token": word, "host": "x"}},
    )[form]


def planted(seed: int = 13) -> list[Planted]:
    """At least 300 values with one secret each."""
    maker = _Maker(seed)
    found = list(_structures(maker))
    for name, make in _PROVIDERS:
        for frame in ("{}", "using {} now", "https://x.example/a?x={}"):
            secret = make(maker)
            found.append(Planted(name, {"note": frame.format(secret)}, secret[6:]))
    for frame in _TEXTS:
        for _ in range(2):
            word = maker.word()
            found.append(Planted(f"text {frame}", frame.format(w=word), word))
    for kind in (
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "EC PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ):
        body = maker.text(60)
        for line_end in ("\n", "\\n"):
            block = f"-----BEGIN {kind}-----{line_end}{body}{line_end}-----END {kind}-----"
            found.append(Planted("pem", f"key {block} end", body))
        found.append(Planted("pem, cut", f"-----BEGIN {kind}-----\n{body}", body))
    for scheme in ("Basic", "basic"):
        coded = maker.base64(f"bob:{maker.word()}")
        found.append(Planted("basic", {"header": f"{scheme} {coded}"}, coded))
    return found
