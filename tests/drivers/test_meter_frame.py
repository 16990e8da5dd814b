from drivers.meter_frame import narrower_addresses


def test_a_search_goes_through_two_digits_at_a_time_from_the_right() -> None:
    first = narrower_addresses("A" * 12)
    assert (len(first), first[0], first[-1]) == (100, "A" * 10 + "00", "A" * 10 + "99")
    assert narrower_addresses("AA" + "1" * 10)[7] == "07" + "1" * 10
    assert narrower_addresses("2" * 14) == ()
