/* What connections do to a bridge, on a clock of the test: peers that do not read, die, lie, or come twice. */
#include "bench.h"
#include "check.h"

#define SECOND_US 1000000U

static uint8_t s_steps[BENCH_MAX_BATCH];

static bridge_span_t wait_step(uint32_t wait_us)
{
    bridge_writer_t written = bridge_writer(s_steps, sizeof(s_steps));
    put_wait(&written, wait_us);
    return (bridge_span_t){s_steps, written.at};
}

static void expect_closing(bench_t *bench, int sock, uint8_t reason)
{
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CLOSING).as.closing.reason, reason);
    CHECK(bench->port.sockets[sock].is_finished);
    bench_run(bench, 2 * SECOND_US);
    CHECK(!bench->port.sockets[sock].is_open);
}

TEST(who_says_nothing_is_closed_after_five_seconds_and_not_before, "R13")
{
    bench_t *bench = bench_start();
    int silent = fake_connect(&bench->port);
    bench_run(bench, 5 * SECOND_US - 1);
    CHECK_EQUAL(bench_hear(bench, silent).type, BRIDGE_GREETING);
    CHECK(bench_is_silent(bench, silent));
    bench_run(bench, 1);
    expect_closing(bench, silent, BRIDGE_CLOSE_TOO_SLOW);
}

TEST(a_slow_loris_gains_no_time_and_disturbs_nobody, "R13 R14")
{
    bench_t *bench = bench_start();
    int holder = bench_control(bench, 1);
    int loris = fake_connect(&bench->port);
    for (unsigned int i = 0; i < 5; i++) {
        fake_peer_says(&bench->port, loris, "STMOT" + i, 1);
        bench_run(bench, SECOND_US - 1);
        bridge_message_t ping = {.type = BRIDGE_PING, .as.ping.token = i};
        bench_say(bench, holder, &ping);
    }
    bench_run(bench, 5);
    CHECK_EQUAL(bench_hear(bench, loris).type, BRIDGE_GREETING);
    expect_closing(bench, loris, BRIDGE_CLOSE_TOO_SLOW);
    CHECK(bridge_is_controlled(&bench->bridge));
}

TEST(a_bridge_with_nothing_to_say_pings_every_three_seconds, "R20")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    size_t before = bench->port.sockets[sock].said_length;
    bench_run(bench, 3 * SECOND_US - 5000);
    CHECK_EQUAL(bench->port.sockets[sock].said_length, before);
    bench_run(bench, 5000);
    CHECK_EQUAL(bench_hear(bench, sock).type, BRIDGE_PING);
}

TEST(a_half_open_connection_is_dead_after_nine_seconds, "R22 R23")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bench_run(bench, 9 * SECOND_US - 10000);
    CHECK(bridge_is_controlled(&bench->bridge));
    bench_run(bench, 10000);
    CHECK(!bridge_is_controlled(&bench->bridge));
    expect_closing(bench, sock, BRIDGE_CLOSE_TOO_SLOW);
}

TEST(a_peer_that_pings_is_alive_and_the_newest_ping_is_answered, "R21 R22")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    for (uint32_t i = 1; i <= 20; i++) {
        bridge_message_t ping = {.type = BRIDGE_PING, .as.ping.token = i};
        bench_say(bench, sock, &ping);
        ping.as.ping.token = 100 + i;
        bench_say(bench, sock, &ping);
        bench_run(bench, SECOND_US);
        bridge_message_t pong = bench_hear(bench, sock);
        CHECK_EQUAL(pong.type, BRIDGE_PONG);
        CHECK_EQUAL(pong.as.ping.token, 100 + i);
        CHECK(bench->port.now_us - pong.as.ping.now_us <= SECOND_US);
    }
    CHECK(bridge_is_controlled(&bench->bridge));
}

TEST(the_lines_are_safe_ten_seconds_after_the_controllers_death_and_not_before, "R24")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bridge_writer_t written = bridge_writer(s_steps, sizeof(s_steps));
    put_lines(&written, BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0, BRIDGE_LINE_BOOT0);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 1000);
    fake_peer_leaves(&bench->port, sock);
    bench_run(bench, 0);
    bench_run(bench, 10 * SECOND_US - 1);
    CHECK_EQUAL(bench->port.levels, BRIDGE_LINE_BOOT0);
    bench_run(bench, 1);
    CHECK_EQUAL(bench->port.levels, BRIDGE_LINE_NRST);
}

TEST(a_batch_in_hand_keeps_its_lines_until_it_ends, "R23 R24")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bridge_writer_t written = bridge_writer(s_steps, sizeof(s_steps));
    put_lines(&written, BRIDGE_LINE_BOOT0, BRIDGE_LINE_BOOT0);
    put_wait(&written, 15 * SECOND_US);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 2, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 1000);
    fake_peer_leaves(&bench->port, sock);
    bench_run(bench, 15 * SECOND_US - 5000);
    CHECK((bench->port.levels & BRIDGE_LINE_BOOT0) != 0);
    bench_run(bench, 5000);
    CHECK_EQUAL(bench->port.levels, BRIDGE_LINE_NRST);
}

TEST(a_controller_that_comes_back_in_time_finds_its_lines, "R24")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    fake_peer_leaves(&bench->port, sock);
    bench_run(bench, 9 * SECOND_US);
    (void)bench_control(bench, 1);
    unsigned int before = bench->port.line_changes;
    bench_run(bench, 8 * SECOND_US);
    CHECK_EQUAL(bench->port.line_changes, before);
}

/* A link that breaks in the middle of a batch: it ends, what waits is dropped, and its result is told in Welcome. */
TEST(a_link_lost_in_the_middle_of_a_batch_loses_no_result, "R18 R19 R23")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 5, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 5, 0, 1, wait_step(50000));
    bench_say_batch(bench, sock, 5, 1, 1, wait_step(50000));
    bench_run(bench, 10000);
    fake_peer_leaves(&bench->port, sock);
    bench_run(bench, 60000);
    int again = bench_connect(bench);
    bridge_message_t greeting = bench_expect(bench, again, BRIDGE_GREETING);
    CHECK_EQUAL(greeting.as.greeting.last_run, 5);
    CHECK_EQUAL(greeting.as.greeting.last_number, 0);
    CHECK_EQUAL(greeting.as.greeting.last_outcome, BRIDGE_DONE);
    bench_say_hello(bench, again, 1, false, 0);
    bench_run(bench, 1000);
    bridge_message_t welcome = bench_expect(bench, again, BRIDGE_WELCOME);
    CHECK(welcome.as.welcome.has_last);
    CHECK_EQUAL(welcome.as.welcome.last.outcome, BRIDGE_DONE);
    CHECK(bench_is_silent(bench, again));
}

TEST(a_replacement_while_its_batch_is_in_hand_keeps_the_older_result_whole, "R15 R18 R23")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 5, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 5, 0, 1, wait_step(1000));
    bench_say_batch(bench, sock, 5, 1, 1, wait_step(50000));
    bench_run(bench, 10000);
    int again = bench_connect(bench);
    fake_peer_reads(&bench->port, again, 12); /* of the Welcome only a part */
    bench_say_hello(bench, again, 1, false, 0);
    bench_run(bench, 60000); /* the batch in hand ends meanwhile */
    fake_peer_reads(&bench->port, again, SIZE_MAX);
    bench_run(bench, 1000);
    bridge_message_t welcome = bench_expect(bench, again, BRIDGE_WELCOME);
    CHECK_EQUAL(welcome.as.welcome.last.number, 0);
    CHECK_EQUAL(bridge_edge_last(&bench->bridge.edge).number, 1);
    bench_say_run(bench, again, BRIDGE_BEGIN_RUN, 6, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, again, 6, 0, 1, wait_step(1000));
    bench_run(bench, 10000);
    CHECK_EQUAL(bench_expect(bench, again, BRIDGE_BATCH_RESULT).as.result.run, 6);
}

TEST(a_peer_that_does_not_read_holds_up_neither_the_uart_nor_the_others, "R43 R44")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    fake_peer_reads(&bench->port, sock, 10);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    for (uint32_t i = 0; i < 30; i++) {
        bench_say_batch(bench, sock, 1, i, 1, wait_step(1000));
    }
    fake_target_says(&bench->port, bench->port.now_us + 100000, "log", 3);
    bench_say_run(bench, sock, BRIDGE_END_RUN, 1, 0);
    bench_run(bench, SECOND_US);
    CHECK_EQUAL(bridge_edge_last(&bench->bridge.edge).number, 29);
    int onlooker = bench_connect(bench);
    CHECK_EQUAL(bench_expect(bench, onlooker, BRIDGE_GREETING).as.greeting.console_next, 3);
    fake_peer_reads(&bench->port, sock, SIZE_MAX);
    bench_run(bench, 1000);
    for (uint32_t i = 0; i < 30; i++) {
        CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result.number, i);
    }
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CONSOLE).as.console.data.length, 3);
}

TEST(a_peer_that_never_reads_is_dead_even_if_it_talks, "R22 R44")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    fake_peer_reads(&bench->port, sock, 0);
    for (uint32_t i = 0; i < 11; i++) {
        bridge_message_t ping = {.type = BRIDGE_PING, .as.ping.token = i};
        bench_say(bench, sock, &ping);
        bench_run(bench, SECOND_US);
    }
    CHECK(!bridge_is_controlled(&bench->bridge));
    CHECK(!bench->port.sockets[sock].is_open);
}

TEST(what_is_refused_waits_behind_a_result_that_is_half_said, "R7 R44")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    bridge_writer_t written = bridge_writer(s_steps, sizeof(s_steps));
    put_receive(&written, 3000, 400000);
    fake_peer_reads(&bench->port, sock, 1500);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){s_steps, written.at});
    static uint8_t data[3000];
    fake_target_says(&bench->port, bench->port.now_us + 1000, data, sizeof(data));
    bench_run(bench, 500000);
    fake_peer_says(&bench->port, sock, "\0\0\xf0\0", 4);
    bench_run(bench, 1000);
    fake_peer_reads(&bench->port, sock, SIZE_MAX);
    bench_run(bench, 1000);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result.outputs.length, 3004);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_UNSUPPORTED).as.unsupported, 0xF0);
}

TEST(who_asks_more_than_it_reads_is_closed, "R44")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    fake_peer_reads(&bench->port, sock, 0);
    for (unsigned int i = 0; i < 400; i++) {
        fake_peer_says(&bench->port, sock, "\0\0\xf0\0", 4);
    }
    bench_run(bench, 1000);
    CHECK(!bridge_is_controlled(&bench->bridge));
}

TEST(a_second_client_is_told_who_holds_and_takes_over_only_with_the_flag, "R16 R17 R14")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    int other = bench_connect(bench);
    bench_say_hello(bench, other, 2, false, 0);
    bench_run(bench, 2 * SECOND_US);
    bridge_message_t busy = bench_expect(bench, other, BRIDGE_BUSY);
    CHECK_EQUAL(busy.as.busy.holder_id[0], 1);
    CHECK(bench_is_silent(bench, sock));
    bench_say_hello(bench, other, 2, true, 0);
    bench_run(bench, 1000);
    (void)bench_expect(bench, other, BRIDGE_WELCOME);
    expect_closing(bench, sock, BRIDGE_CLOSE_TAKEN_OVER);
}

TEST(garbage_of_every_length_ends_its_connection_only, "R3 R6 R8")
{
    for (size_t length = 1; length < 1500; length += 13) {
        bench_t *bench = bench_start();
        int holder = bench_control(bench, 1);
        int stranger = fake_connect(&bench->port);
        uint8_t garbage[1500];
        memset(garbage, (int)length, length);
        fake_peer_says(&bench->port, stranger, garbage, length);
        bench_run(bench, 6 * SECOND_US);
        CHECK_EQUAL(bench_hear(bench, stranger).type, BRIDGE_GREETING);
        bridge_message_t closing = bench_expect(bench, stranger, BRIDGE_CLOSING);
        bool is_whole = length >= BRIDGE_PREAMBLE_BYTES;
        CHECK_EQUAL(closing.as.closing.reason, is_whole ? BRIDGE_CLOSE_PROTOCOL_ERROR : BRIDGE_CLOSE_TOO_SLOW);
        CHECK(bench->port.sockets[holder].is_open && bridge_is_controlled(&bench->bridge));
    }
}

TEST(nine_connections_in_a_row_leave_room_for_the_tenth, "R13 R10")
{
    bench_t *bench = bench_start();
    int holder = bench_control(bench, 1);
    for (unsigned int i = 0; i < 9; i++) {
        int sock = bench_connect(bench);
        if (i >= BRIDGE_MAX_WAITING) {
            CHECK_EQUAL(bench_hear(bench, sock).type, BRIDGE_GREETING);
            bridge_message_t closing = bench_expect(bench, sock, BRIDGE_CLOSING);
            CHECK_EQUAL(closing.as.closing.reason, BRIDGE_CLOSE_TOO_MANY);
        }
    }
    bench_run(bench, 7 * SECOND_US);
    CHECK(bench->port.sockets[holder].is_open);
    CHECK_EQUAL(bench_hear(bench, bench_connect(bench)).type, BRIDGE_GREETING);
}

TEST(console_of_before_a_controller_is_kept_as_far_as_it_fits_and_the_rest_is_a_gap, "R46 R47 R48 R51")
{
    static uint8_t much[BENCH_RING_BYTES + 500];
    for (size_t i = 0; i < sizeof(much); i++) {
        much[i] = (uint8_t)i;
    }
    bench_t *bench = bench_start();
    fake_target_says(&bench->port, bench->port.now_us + 100, much, sizeof(much));
    bench_run(bench, SECOND_US);
    int sock = bench_control(bench, 1);
    bridge_message_t gap = bench_expect(bench, sock, BRIDGE_CONSOLE_GAP);
    CHECK_EQUAL(gap.as.gap.position, 0);
    CHECK_EQUAL(gap.as.gap.length, 500);
    uint64_t position = 500;
    bridge_message_t ack = {.type = BRIDGE_CONSOLE_ACK};
    while (position < sizeof(much)) {
        bridge_message_t console = bench_expect(bench, sock, BRIDGE_CONSOLE);
        CHECK_EQUAL(console.as.console.position, position);
        CHECK(memcmp(console.as.console.data.data, much + position, console.as.console.data.length) == 0);
        position += console.as.console.data.length;
    }
    CHECK(bench_is_silent(bench, sock));
    fake_target_says(&bench->port, bench->port.now_us + 100, "more", 4);
    bench_run(bench, 10000);
    CHECK(bench_is_silent(bench, sock)); /* R51: a ring's length waits for its acknowledgement */
    ack.as.ack = position;
    bench_say(bench, sock, &ack);
    bench_run(bench, 1000);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CONSOLE).as.console.data.length, 4);
}

TEST(times_of_console_are_those_of_its_bytes, "R49")
{
    bench_t *bench = bench_start();
    int sock = bench_control(bench, 1);
    uint64_t first_us = bench->port.now_us + 5000;
    fake_target_says(&bench->port, first_us, "a", 1);
    fake_target_says(&bench->port, first_us + 700000, "b", 1);
    bench_run(bench, SECOND_US);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CONSOLE).as.console.at_us, first_us);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CONSOLE).as.console.at_us, first_us + 700000);
}

TEST(a_goodbye_is_said_to_everybody_and_nobody_is_let_in_any_more, "R10")
{
    bench_t *bench = bench_start();
    int holder = bench_control(bench, 1);
    int waiting = bench_connect(bench);
    bridge_shut(&bench->bridge, "maintenance");
    bench->port.is_network_woken = true;
    bench_run(bench, 1000);
    CHECK_EQUAL(bench_expect(bench, holder, BRIDGE_CLOSING).as.closing.reason, BRIDGE_CLOSE_SHUTDOWN);
    CHECK_EQUAL(bench_expect(bench, waiting, BRIDGE_CLOSING).as.closing.reason, BRIDGE_CLOSE_SHUTDOWN);
    int late = fake_connect(&bench->port);
    bench_run(bench, 2 * SECOND_US);
    CHECK(!bench->port.sockets[late].is_open);
    CHECK(!bridge_is_connected(&bench->bridge));
}

TEST(the_firmware_is_confirmed_by_its_first_controller, "")
{
    bench_t *bench = bench_start();
    (void)bench_connect(bench);
    CHECK_EQUAL(bench->port.confirmed, 0);
    (void)bench_control(bench, 1);
    CHECK_EQUAL(bench->port.confirmed, 1);
}
