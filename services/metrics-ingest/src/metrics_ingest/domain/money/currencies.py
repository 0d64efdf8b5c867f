"""Currencies by their ISO 4217 codes, each with the digits of its minor unit.

The table is ISO 4217's list one (SIX Financial Information, maintenance agency), current codes as
of January 2026, without the codes that have no minor unit (gold, SDR, tests). Codes withdrawn since
2020 are kept, because history is still paid in them.
"""

from typing import NamedTuple

_BY_EXPONENT: dict[int, str] = {
    0: """
        BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    """,
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
        CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
        GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
        LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
        NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
        SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
        XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_WITHDRAWN = {"ANG": 2, "BGN": 2, "CUC": 2, "HRK": 2, "SLL": 2, "ZWL": 2}

EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()
} | _WITHDRAWN


class Named(NamedTuple):
    """What a field says of its currency: a code, the field that holds one, or that "or" a code."""

    code: str | None
    field: str | None


def named_by(text: str) -> Named:
    """Read ``CNY``, ``currency`` or ``currency or CNY``: the last holds where no event says it."""
    first, otherwise, code = text.partition(" or ")
    if otherwise:
        return Named(code, first)
    return Named(text, None) if is_currency(text) else Named(None, text)


def minor_exponent(code: str) -> int:
    """Return how many digits the minor unit has: 2 for CNY, 0 for JPY, 3 for KWD.

    Raises KeyError for what is no current code, in capital letters, of ISO 4217.
    """
    return EXPONENTS[code]


def is_currency(code: str) -> bool:
    """Whether this is an ISO 4217 code, in capital letters."""
    return code in EXPONENTS
