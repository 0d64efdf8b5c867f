"""What stands on every page: the frame, lights, levels, and what can go wrong."""

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, str]] = {
    # Everywhere
    "nav.skip": ("Skip to the content", "跳到正文"),
    "nav.main": ("Pages", "页面"),
    "nav.today": ("Today", "今日"),
    "nav.goals": ("Goals", "目标"),
    "nav.numbers": ("Numbers", "填数"),
    "nav.sources": ("Sources", "数据源"),
    "nav.people": ("People", "人员"),
    "nav.sign-out": ("Sign out", "退出"),
    "sign-in": ("Sign in", "登录"),
    "signed-out": ("You are signed out", "已退出登录"),
    "signed-out.help": (
        "Nobody is signed in here any more. The issuer may still know you.",
        "本站已无人登录；登录服务可能仍保留您的会话。",
    ),
    "as-of": ("As of {at}", "截至 {at}"),
    "notice.missing": (
        "{service} does not answer, so something is missing on this page.",
        "{service} 没有响应，本页缺少部分内容。",
    ),
    "faults.title": (
        "Nothing was written: {count} to mend.",
        "未写入任何内容，有 {count} 处需修正。",
    ),
    "faults.title.one": (
        "Nothing was written: one thing to mend.",
        "未写入任何内容，有 1 处需修正。",
    ),
    # Lights
    "light.green": ("green", "绿"),
    "light.yellow": ("yellow", "黄"),
    "light.red": ("red", "红"),
    "light.grey": ("grey", "灰"),
    "light.none": ("no light", "无灯"),
    "light.watch": ("watch", "留意"),
    "light.provisional": ("provisional", "暂定"),
    "why.no-plan": ("No light: nothing is planned for this span.", "无灯：该时段没有计划。"),
    "why.too-early": (
        "No light yet: too little of the plan has passed.",
        "暂无灯：计划推进得还太少。",
    ),
    "why.too-few": (
        "No light: too few cases to judge a ratio.",
        "无灯：样本太少，无法判断比率。",
    ),
    "why.leave": (
        "No light: the owner was on leave, which became known later.",
        "无灯：负责人当时休假，事后才得知。",
    ),
    "why.guardrail": (
        "Not green, because a guardrail is breached.",
        "因护栏被突破，不亮绿灯。",
    ),
    "why.silent": (
        "Grey: the source was silent, so the number is not known.",
        "灰：数据源静默，数值未知。",
    ),
    "why.incomplete": (
        "Grey: not everything that was accepted has been counted yet.",
        "灰：已接收的数据尚未全部计入。",
    ),
    # Levels and tiers
    "level.company": ("company", "公司"),
    "level.team": ("team", "团队"),
    "level.project": ("project", "项目"),
    "level.individual": ("individual", "个人"),
    "tier.floor": ("floor", "保底值"),
    "tier.target": ("target", "目标值"),
    "tier.stretch": ("stretch", "冲刺值"),
    # What can go wrong
    "error.home": ("To the first page", "回到首页"),
    "error.detail": ("Details for an operator", "供运维人员参考的细节"),
    "error.silent": ("A part of the system does not answer", "系统的一部分没有响应"),
    "error.silent.do": (
        "{service} did not answer. Try again in a moment; if it stays so, tell an operator, who "
        "finds the reason by `paceline doctor`.",
        "{service} 没有响应。请稍后重试；如持续如此，请告知运维人员，"
        "可用 `paceline doctor` 查明原因。",
    ),
    "error.missing": ("There is nothing here", "这里没有内容"),
    "error.missing.do": (
        "It does not exist, or you may not see it. Follow a link from the first page.",
        "该内容不存在，或您无权查看。请从首页的链接进入。",
    ),
    "error.forbidden": ("This is not for your role", "您的角色无此权限"),
    "error.forbidden.do": (
        "Ask an administrator for the role that is needed.",
        "请联系管理员授予所需角色。",
    ),
    "error.refused": ("This was refused", "请求被拒绝"),
    "error.refused.do": (
        "The service refused it; what it says stands below. Mend that and try again.",
        "服务拒绝了该请求，原因见下。请修正后重试。",
    ),
    "error.method": ("This page does not take that", "此页面不接受该操作"),
    "error.method.do": ("Open the page anew and use its form.", "请重新打开页面并使用其表单。"),
    "error.request": ("This request could not be read", "无法读取该请求"),
    "error.request.do": ("Open the page anew and try again.", "请重新打开页面后再试。"),
    "error.internal": ("This is our mistake", "这是我们的错误"),
    "error.internal.do": (
        "It has been logged. Try again; if it stays so, tell an operator.",
        "已记录。请重试；如持续如此，请告知运维人员。",
    ),
    "error.no-issuer": ("Nobody can sign in here yet", "目前还无法登录"),
    "error.no-issuer.do": (
        "No OpenID Connect issuer is set. An operator sets PACELINE_OIDC_ISSUER for the console "
        "and the services.",
        "尚未设置 OpenID Connect 登录服务。请运维人员为控制台和各服务设置 PACELINE_OIDC_ISSUER。",
    ),
    "error.sign-in": ("Signing in did not work", "登录未成功"),
    "error.sign-in.do": (
        "The attempt was refused, is too old, or belongs to another tab. Open the first page and "
        "sign in again.",
        "登录请求被拒绝、已过期，或属于另一个标签页。请打开首页重新登录。",
    ),
}
