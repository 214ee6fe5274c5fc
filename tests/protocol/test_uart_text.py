import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stmota_protocol.steps import Parity, StopBits, UartSettings
from stmota_protocol.uart_text import parse_uart


@settings(deadline=None)
@given(
    st.builds(
        UartSettings,
        baud=st.integers(50, 12_500_000),
        data_bits=st.sampled_from([7, 8]),
        parity=st.sampled_from(Parity),
        stop_bits=st.sampled_from(StopBits),
    )
)
def test_what_settings_say_of_themselves_is_read_back(uart: UartSettings) -> None:
    assert parse_uart(str(uart)) == uart


@pytest.mark.parametrize(
    "text", ["", "115200", "8N1", "115200 9N1", "115200 8N3", "0 8N1", "99999999 8N1", "1e5 8N1"]
)
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r'is no UART setting; write .* "115200 8N1"'):
        parse_uart(text)
