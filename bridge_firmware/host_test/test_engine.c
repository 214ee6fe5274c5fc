/* The engine at the fake port: exact times, errors of the line, what happens at the edges of its buffers. */
#include "bench.h"
#include "check.h"

#define BYTE_US 87U /* ten bits at 115200 baud, rounded up */

static uint8_t s_steps[BENCH_MAX_BATCH];

static bridge_writer_t steps(void)
{
    return bridge_writer(s_steps, sizeof(s_steps));
}

/* Execute one batch as run 1, number 0, and return its result. */
static bridge_result_t execute(bench_t *bench, const bridge_writer_t *written, uint16_t count, uint64_t within_us)
{
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, count, (bridge_span_t){s_steps, written->at});
    bench_run(bench, within_us);
    return bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
}

TEST(a_wait_and_a_send_take_exactly_their_time, "R35")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_send(&written, "0123456789");
    put_wait(&written, 5000);
    put_lines(&written, BRIDGE_LINE_NRST, 0);
    bridge_result_t result = execute(bench, &written, 3, 100000);
    CHECK_EQUAL(result.outcome, BRIDGE_DONE);
    CHECK_EQUAL(result.ended_us - result.started_us, 5000 + bridge_wire_time_us(&bench->port.uart, 10));
}

TEST(silence_fails_at_its_time_and_not_earlier, "R38")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_send(&written, "?");
    put_expect(&written, 0x79, 20000);
    bridge_result_t result = execute(bench, &written, 2, 100000);
    CHECK_EQUAL(result.cause, BRIDGE_CAUSE_SILENCE);
    CHECK_EQUAL(result.failed_step, 1);
    CHECK_EQUAL(result.ended_us - result.started_us, 20000 + BYTE_US);
}

TEST(a_byte_at_the_last_moment_counts_and_one_later_does_not, "R35 R38")
{
    for (uint64_t late_us = 0; late_us < 2; late_us++) {
        bench_t *bench = bench_start();
        bridge_writer_t written = steps();
        put_wait(&written, 1000);
        put_expect(&written, 0x79, 20000);
        int sock = bench_control(bench, 1);
        bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
        bench_say_batch(bench, sock, 1, 0, 2, (bridge_span_t){s_steps, written.at});
        fake_target_says(&bench->port, bench->port.now_us + 21000 + late_us, "y", 1);
        bench_run(bench, 50000);
        bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
        CHECK_EQUAL(result.outcome, late_us == 0 ? BRIDGE_DONE : BRIDGE_FAILED);
    }
}

TEST(an_arrival_is_told_by_its_stop_bit, "R38")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_expect(&written, 'y', 20000);
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){s_steps, written.at});
    fake_target_says(&bench->port, bench->port.now_us + 1234, "y", 1);
    bench_run(bench, 50000);
    bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
    bridge_reader_t arrivals = bridge_reader(result.arrivals.data, result.arrivals.length);
    CHECK_EQUAL(bridge_get_u16(&arrivals), 0);
    CHECK_EQUAL(bridge_get_u32(&arrivals), 1234);
}

TEST(an_arrival_is_never_told_as_earlier_than_the_one_before, "R38")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_expect(&written, 'x', 20000);
    put_expect(&written, 'y', 20000);
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 2, (bridge_span_t){s_steps, written.at});
    fake_target_says(&bench->port, bench->port.now_us + 1234, "x", 1);
    bench_run(bench, 1300);
    bench->port.early_us = 500;
    fake_target_says(&bench->port, bench->port.now_us + 100, "y", 1);
    bench_run(bench, 50000);
    bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
    bridge_reader_t arrivals = bridge_reader(result.arrivals.data, result.arrivals.length);
    for (uint16_t step = 0; step < 2; step++) {
        CHECK_EQUAL(bridge_get_u16(&arrivals), step);
        CHECK_EQUAL(bridge_get_u32(&arrivals), 1234);
    }
}

TEST(errors_of_the_line_are_counted_from_a_batchs_begin_to_its_end, "")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_wait(&written, 1000);
    int sock = bench_control(bench, 1);
    bench->port.errors = (bridge_line_errors_t){9, 9, 9};
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 500);
    bench->port.errors = (bridge_line_errors_t){1, 2, 3};
    bench_run(bench, 1000);
    bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
    CHECK_EQUAL(result.outcome, BRIDGE_DONE);
    CHECK_EQUAL(result.parity_errors, 1);
    CHECK_EQUAL(result.framing_errors, 2);
    CHECK_EQUAL(result.overrun_errors, 3);
}

TEST(an_echo_is_swallowed_behind_what_waited, "R40 R35")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_configure(&written, 115200, true);
    put_wait(&written, 3000);
    put_send(&written, "hello");
    put_receive(&written, 3, 1000);
    bench->port.echoes = true;
    bench->port.write_room = 2;
    fake_target_says(&bench->port, bench->port.now_us + 5000, "abc", 3);
    bridge_result_t result = execute(bench, &written, 4, 100000);
    CHECK_EQUAL(result.outcome, BRIDGE_DONE);
    CHECK_EQUAL(result.outputs.length, 7);
    CHECK(memcmp(result.outputs.data, "\3\0\3\0abc", 7) == 0);
}

TEST(bytes_that_find_no_room_before_an_echo_are_counted_as_overruns, "R40")
{
    static uint8_t much[2000];
    memset(much, 'x', sizeof(much));
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_configure(&written, 115200, true);
    put_wait(&written, 200000);
    put_send(&written, "!");
    bench->port.echoes = true;
    fake_target_says(&bench->port, bench->port.now_us + 6000, much, sizeof(much));
    bridge_result_t result = execute(bench, &written, 3, 400000);
    CHECK_EQUAL(result.outcome, BRIDGE_DONE);
    CHECK_EQUAL(result.overrun_errors, sizeof(much) - BRIDGE_INBOX_BYTES);
    CHECK_EQUAL(bridge_count_up(65534, 1), 65535);
    CHECK_EQUAL(bridge_count_up(65534, 7), 65535);
    CHECK_EQUAL(bridge_count_up(UINT16_MAX, UINT32_MAX), 65535);
    CHECK_EQUAL(result.residue.length + result.residue_lost, BRIDGE_INBOX_BYTES);
}

TEST(a_uart_that_is_gone_fails_the_batch_and_then_says_so, "R37")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_wait(&written, 1000);
    put_send(&written, "x");
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 2, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 500);
    bench->port.is_gone = true;
    bench_run(bench, 1000);
    bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
    CHECK_EQUAL(result.cause, BRIDGE_CAUSE_PORT);
    CHECK_EQUAL(result.failed_step, 1);
    CHECK_EQUAL(bench->error, BRIDGE_ERR_PORT);
}

TEST(an_abort_takes_back_what_was_not_sent, "R29")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_send(&written, "a long text that takes its time on the wire");
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 1, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 500);
    bench_say_run(bench, sock, BRIDGE_ABORT, 1, 0);
    bench_run(bench, 10);
    bridge_result_t result = bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result;
    CHECK_EQUAL(result.outcome, BRIDGE_ABORTED);
    CHECK_EQUAL(result.failed_step, 0);
    CHECK(bench->port.sent_us <= bench->port.now_us);
}

TEST(a_repeat_without_a_wait_does_not_hold_up_an_abort, "R29 R39")
{
    bench_t *bench = bench_start();
    bridge_writer_t written = steps();
    put_lines(&written, 0, 0);
    bridge_put_u8(&written, BRIDGE_STEP_EXPECT);
    bridge_put_u16(&written, 10);
    bridge_put_u8(&written, 'y');
    bridge_put_u32(&written, 0);
    bridge_put_u8(&written, BRIDGE_SILENCE_REPEATS);
    bridge_put_u16(&written, 1);
    bridge_put_u16(&written, UINT16_MAX);
    int sock = bench_control(bench, 1);
    bench_say_run(bench, sock, BRIDGE_BEGIN_RUN, 1, BRIDGE_UNCLAIMED_RESIDUE);
    bench_say_batch(bench, sock, 1, 0, 2, (bridge_span_t){s_steps, written.at});
    bench_run(bench, 10);
    bench_say_run(bench, sock, BRIDGE_ABORT, 1, 0);
    bench_run(bench, 10);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_BATCH_RESULT).as.result.outcome, BRIDGE_ABORTED);
}

TEST(lines_change_together_and_are_safe_from_the_start, "R24")
{
    bench_t *bench = bench_start();
    CHECK_EQUAL(bench->port.levels, BRIDGE_LINE_NRST);
    CHECK_EQUAL(bench->port.line_changes, 1);
    bridge_writer_t written = steps();
    put_lines(&written, BRIDGE_LINE_NRST | BRIDGE_LINE_BOOT0, BRIDGE_LINE_BOOT0);
    CHECK_EQUAL(execute(bench, &written, 1, 1000).outcome, BRIDGE_DONE);
    CHECK_EQUAL(bench->port.levels, BRIDGE_LINE_BOOT0);
    CHECK_EQUAL(bench->port.line_changes, 2);
}
