"""The protobuf definitions against frames that are known byte for byte."""

import pytest

from adapters.mexc.pb.push_pb2 import PushDataV3ApiWrapper

DEALS = (
    "0a2f73706f74407075626c69632e61676772652e6465616c732e76332e6170692e7062403130306d73404e4557555344541a074e455755534454"
    "30fbd0eab6b733d213420a170a06302e30343231120431322e35180120e4d0eab6b733122773706f74407075626c69632e61676772652e646561"
    "6c732e76332e6170692e7062403130306d73"
)
DEPTH = (
    "0a2e73706f74407075626c69632e61676772652e64657074682e76332e6170692e70624031306d73404e4557555344541a074e45575553445430"
    "fcd0eab6b733ca134e0a0d0a06302e303432351203313030120b0a06302e303432301201301a2673706f74407075626c69632e61676772652e64"
    "657074682e76332e6170692e70624031306d7322033130312a03313033"
)
ORDER = (
    "0a1d73706f7440707269766174652e6f72646572732e76332e6170692e70621a074e45575553445430fdd0eab6b7338213590a064330325f5f31"
    "1207736e6970652d311a06302e30343231220431322e352a07302e35323632353206302e30343231380140015201305a0130620431322e356a04"
    "31322e357207302e353236323578028001e4d0eab6b733"
)


def test_the_deals_frame_reads_as_one_buy() -> None:
    """A recorded shape of aggregated deals yields its channel, symbol, time and its one deal."""
    frame = PushDataV3ApiWrapper.FromString(bytes.fromhex(DEALS))

    assert frame.channel == "spot@public.aggre.deals.v3.api.pb@100ms@NEWUSDT"
    assert (frame.symbol, frame.sendTime) == ("NEWUSDT", 1767225600123)
    (deal,) = frame.publicAggreDeals.deals
    assert (deal.price, deal.quantity, deal.tradeType, deal.time) == ("0.0421", "12.5", 1, 1767225600100)


def test_the_depth_frame_reads_as_one_level_set_and_one_removed() -> None:
    """A recorded shape of aggregated depth yields both sides and its version range."""
    frame = PushDataV3ApiWrapper.FromString(bytes.fromhex(DEPTH))

    body = frame.publicAggreDepths
    assert [(item.price, item.quantity) for item in body.asks] == [("0.0425", "100")]
    assert [(item.price, item.quantity) for item in body.bids] == [("0.0420", "0")]
    assert (body.fromVersion, body.toVersion) == ("101", "103")


def test_the_order_frame_reads_as_a_filled_buy() -> None:
    """A recorded shape of a private order yields ids, amounts, enumerations and creation time."""
    frame = PushDataV3ApiWrapper.FromString(bytes.fromhex(ORDER))

    body = frame.privateOrders
    assert (body.id, body.clientId, body.price, body.quantity) == ("C02__1", "snipe-1", "0.0421", "12.5")
    assert (body.amount, body.avgPrice, body.orderType, body.tradeType) == ("0.52625", "0.0421", 1, 1)
    assert (body.remainAmount, body.remainQuantity, body.lastDealQuantity) == ("0", "0", "12.5")
    assert (body.cumulativeQuantity, body.cumulativeAmount) == ("12.5", "0.52625")
    assert (body.status, body.createTime) == (2, 1767225600100)


@pytest.mark.parametrize("known", [DEALS, DEPTH, ORDER])
def test_a_frame_is_written_exactly_as_it_was_read(known: str) -> None:
    """Field numbers and types agree with the venue's in every byte."""
    assert PushDataV3ApiWrapper.FromString(bytes.fromhex(known)).SerializeToString().hex() == known
