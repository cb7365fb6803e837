"""One Redis address is spelled in the ways of redis-py, Channels and Celery."""

from sntry_site.embedded import celery_broker_url, redis_database


def test_a_socket_keeps_its_slashes_in_both_spellings():
    assert redis_database("unix:///tmp/a/v.sock", 1, socket_timeout=30) == "unix:///tmp/a/v.sock?socket_timeout=30&db=1"
    assert celery_broker_url("unix:///tmp/a/v.sock", 0) == "redis+socket:///tmp/a/v.sock?virtual_host=0"


def test_an_outside_address_keeps_its_password_and_its_options():
    outside = "rediss://:secret@example.org:6380/5?ssl_cert_reqs=required"
    expected = "rediss://:secret@example.org:6380/{}?ssl_cert_reqs=required"
    assert redis_database(outside, 2) == expected.format(2)
    assert redis_database(outside, 2, socket_timeout=30) == expected.format(2) + "&socket_timeout=30"
    assert celery_broker_url(outside, 0) == expected.format(0)
