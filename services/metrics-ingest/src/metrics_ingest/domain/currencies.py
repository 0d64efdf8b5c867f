"""ISO 4217: how many digits a currency has after the point."""

_NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE = "BHD IQD JOD KWD LYD OMR TND"
_FOUR = "CLF UYW"

_PLACES = (
    dict.fromkeys(_NONE.split(), 0)
    | dict.fromkeys(_THREE.split(), 3)
    | dict.fromkeys(_FOUR.split(), 4)
)


def places_of(currency: str) -> int:
    """Return the digits of the currency's minor unit: 2, unless ISO 4217 says otherwise."""
    return _PLACES.get(currency, 2)
