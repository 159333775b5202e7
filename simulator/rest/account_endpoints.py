"""The signed endpoints of the account: balances, fees, keys, coins, listen keys."""

from datetime import UTC, datetime
from typing import Any

from simulator import errors
from simulator.engine.identifiers import coin_id
from simulator.exchange.accounts import Permission
from simulator.exchange.listings import API_TRADABLE
from simulator.parameters import text
from simulator.rest import answers
from simulator.rest.endpoints import Context, Endpoint, Quota

DAY_MS = 86_400_000
PERMANENT = -999


def _account(context: Context) -> Any:
    return answers.account_object(context.account)


def _self_symbols(context: Context) -> Any:
    now_ms = context.now_ms
    symbols = [
        listing.symbol
        for listing in context.venue.all_visible(now_ms)
        if listing.state(now_ms) in API_TRADABLE and listing.symbol not in context.account.banned_symbols
    ]
    return {"code": 200, "data": symbols, "msg": None}


def _trade_fee(context: Context) -> Any:
    listing = context.venue.visible(text(context.call.parameters, "symbol"), context.now_ms)
    if listing is None:
        raise errors.invalid_symbol()
    rules = listing.market.rules
    fees = {"makerCommission": float(rules.maker_fee), "takerCommission": float(rules.taker_fee)}
    return _success(context, fees)


def _uid(context: Context) -> Any:
    return {"uid": str(context.account.uid)}


def _kyc(context: Context) -> Any:
    return {"status": str(context.account.kyc)}


def _key_info(context: Context) -> Any:
    key = context.account.keys.get(text(context.call.parameters, "accessKey"))
    if key is None:
        raise errors.unknown_api_key()
    left = PERMANENT if key.expires_ms is None else max(0, (key.expires_ms - context.now_ms) // DAY_MS)
    return {
        "note": key.note,
        "accessKey": key.key,
        "createTime": datetime.fromtimestamp(key.created_ms / 1000, UTC).isoformat(timespec="seconds"),
        "permissions": ",".join(sorted(key.permissions)),
        "remainingValidity": left,
        "ipWhiteList": ",".join(sorted(key.ips)),
        "status": "VALID",
    }


def _mx_deduct(context: Context) -> Any:
    return _success(context, {"mxDeductEnable": context.account.mx_deduct})


def _set_mx_deduct(context: Context) -> Any:
    wanted = text(context.call.parameters, "mxDeductEnable").lower()
    if wanted not in ("true", "false"):
        raise errors.missing_parameter("mxDeductEnable")
    context.account.mx_deduct = wanted == "true"
    return _mx_deduct(context)


def _coins(context: Context) -> Any:
    """Every coin of a known pair, each with one network that is open both ways."""
    coins: dict[str, str] = {}
    for listing in context.venue.all_visible(context.now_ms):
        rules = listing.market.rules
        coins[rules.base_asset] = rules.full_name
        coins.setdefault(rules.quote_asset, rules.quote_asset)
    return [_coin(coin, name) for coin, name in coins.items()]


def _coin(coin: str, name: str) -> Any:
    network = {
        "coin": coin,
        "name": name,
        "network": coin,
        "netWork": coin,
        "contract": coin_id(coin),
        "depositEnable": True,
        "withdrawEnable": True,
        "depositDesc": None,
        "depositTips": None,
        "withdrawTips": None,
        "minConfirm": 12,
        "withdrawFee": "0.1",
        "withdrawIntegerMultiple": None,
        "withdrawMax": "1000000",
        "withdrawMin": "1",
        "sameAddress": False,
    }
    return {"coin": coin, "Name": name, "networkList": [network]}


def _create_listen_key(context: Context) -> Any:
    return {"listenKey": context.listen_keys.create(context.account, context.now_ms, context.venue.settings)}


def _list_listen_keys(context: Context) -> Any:
    keys = context.listen_keys.of(context.account, context.now_ms)
    total = context.venue.settings.listen_keys
    return {"listenKey": keys, "total": total, "available": max(0, total - len(keys))}


def _prolong_listen_key(context: Context) -> Any:
    key = text(context.call.parameters, "listenKey")
    context.listen_keys.prolong(context.account, key, context.now_ms, context.venue.settings)
    return {"listenKey": key}


def _delete_listen_key(context: Context) -> Any:
    key = text(context.call.parameters, "listenKey")
    context.listen_keys.delete(context.account, key, context.now_ms)
    return {"listenKey": key}


def _success(context: Context, data: Any) -> Any:
    return {"data": data, "code": 0, "msg": "success", "timestamp": context.now_ms}


_READ, _WRITE = Permission.ACCOUNT_READ, Permission.ACCOUNT_WRITE

ACCOUNT_ENDPOINTS = {
    ("GET", "/api/v3/account"): Endpoint(_account, 10, _READ, quota=Quota.ACCOUNTS),
    ("GET", "/api/v3/selfSymbols"): Endpoint(_self_symbols, 1, _READ),
    ("GET", "/api/v3/tradeFee"): Endpoint(_trade_fee, 20, _READ),
    ("GET", "/api/v3/uid"): Endpoint(_uid, 1, _READ),
    ("GET", "/api/v3/kyc/status"): Endpoint(_kyc, 1, _READ),
    ("GET", "/api/v3/apiKeyInfo"): Endpoint(_key_info, 1, _READ),
    ("GET", "/api/v3/mxDeduct/enable"): Endpoint(_mx_deduct, 1, _READ),
    ("POST", "/api/v3/mxDeduct/enable"): Endpoint(_set_mx_deduct, 1, _WRITE),
    ("GET", "/api/v3/capital/config/getall"): Endpoint(_coins, 10, _READ),
    ("POST", "/api/v3/userDataStream"): Endpoint(_create_listen_key, 1, _READ),
    ("GET", "/api/v3/userDataStream"): Endpoint(_list_listen_keys, 1, _READ),
    ("PUT", "/api/v3/userDataStream"): Endpoint(_prolong_listen_key, 1, _READ),
    ("DELETE", "/api/v3/userDataStream"): Endpoint(_delete_listen_key, 1, _READ),
}
