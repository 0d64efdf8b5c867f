"""The page of the local issuer at which people sign in, in Chinese and English."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse

from service_kit.web import language_of

STYLE = (
    "body{font:1rem/1.5 system-ui,'Noto Sans CJK SC',sans-serif;margin:0;background:#f4f5f7;"
    "color:#1c2430}main{max-width:24rem;margin:10vh auto;padding:1.5rem;background:#fff;"
    "border:1px solid #cfd6df;border-radius:.5rem}h1{font-size:1.4rem;margin:0 0 .5rem}"
    "label{display:block;margin-top:1rem;font-weight:600}input{box-sizing:border-box;width:100%;"
    "font:inherit;padding:.5rem;border:1px solid #6b7787;border-radius:.3rem}"
    "button{margin-top:1.25rem;width:100%;font:inherit;font-weight:600;padding:.6rem;border:0;"
    "border-radius:.3rem;background:#1d4f91;color:#fff}.wrong{color:#a3161f;font-weight:600}"
    "p{margin:.25rem 0}small{color:#4d5866}:focus-visible{outline:3px solid #e69500;"
    "outline-offset:2px}"
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

# key: (English, Chinese)
TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Sign in to Paceline", "登录 Paceline"),
    "local": (
        "This is the local issuer of one machine.",
        "这是仅供本机使用的登录服务。",
    ),
    "person": ("Person", "人员"),
    "person.help": (
        "The id of a person in the directory. While the directory is empty: admin.",
        "目录中人员的标识。目录为空时请输入 admin。",
    ),
    "password": ("Password of this system", "本系统的密码"),
    "password.help": ("It stands in {file}.", "密码保存在 {file}。"),
    "go": ("Sign in", "登录"),
    "wrong": (
        "There is no such person, or the password is another one.",
        "没有该人员，或密码不正确。",
    ),
    "silent": (
        "The directory does not answer; try again in a moment.",
        "目录暂时没有响应，请稍后重试。",
    ),
    "request": (
        "The application that sent you here asks wrongly: {name}. Open the console again.",
        "发起登录的应用参数有误：{name}。请重新打开控制台。",
    ),
}


def sign_in_page(
    form: Mapping[str, str], accepted: str, file: str, wrong: str = "", status: int = 200
) -> HTMLResponse:
    """Return the page; it sends ``form`` on. ``wrong`` is the key of what went wrong before."""
    kept = (
        *("client_id", "redirect_uri", "response_type", "state", "nonce", "scope"),
        *("code_challenge", "code_challenge_method"),
    )
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(form[name])}">'
        for name in kept
        if name in form
    )
    say = _speaker(accepted)
    alert = f'<p class="wrong" role="alert">{say(wrong)}</p>' if wrong else ""
    body = (
        f"<p><small>{say('local')}</small></p>{alert}"
        f'<form method="post" action="authorize">{hidden}'
        f'<label for="username">{say("person")}</label>'
        f'<input id="username" name="username" autocomplete="username" required autofocus'
        f' aria-describedby="person-help" value="{escape(form.get("username", ""))}">'
        f'<p id="person-help"><small>{say("person.help")}</small></p>'
        f'<label for="password">{say("password")}</label>'
        f'<input id="password" name="password" type="password" autocomplete="current-password"'
        f' required aria-describedby="password-help">'
        f'<p id="password-help"><small>{say("password.help", file=file)}</small></p>'
        f"<button>{say('go')}</button></form>"
    )
    return _page(body, accepted, status, form.get("redirect_uri", ""))


def refusal_page(name: str, accepted: str) -> HTMLResponse:
    """Return the page for a request that cannot be answered; it links nowhere."""
    text = _speaker(accepted)("request", name=name)
    return _page(f'<p class="wrong" role="alert">{text}</p>', accepted, 400, "")


def _speaker(accepted: str) -> Callable[..., str]:
    index = int(language_of(accepted) == "zh")

    def say(key: str, **values: str) -> str:
        return escape(TEXTS[key][index].format(**values))

    return say


def _page(body: str, accepted: str, status: int, redirect: str) -> HTMLResponse:
    language = {"zh": "zh-CN", "en": "en"}[language_of(accepted)]
    title = _speaker(accepted)("title")
    html = (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )
    parts = urlsplit(redirect)
    back = f" {parts.scheme}://{parts.netloc}" if parts.netloc else ""
    headers = {
        # A form's answer redirects to the application, which browsers hold against form-action.
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'{back}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return HTMLResponse(html, status, headers)
