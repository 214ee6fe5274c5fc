/* Who may secure a bridge, and when, on a clock of the test. The cryptography is the fake port's: none. */
#include "bench.h"
#include "check.h"

#define SECOND_US 1000000U
#define WINDOW_US (300ULL * SECOND_US)
#define FINGERPRINT "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"
#define ASKS " asks to secure this bridge; the fingerprint of its key: " FINGERPRINT "\n"
#define IS_SECURED "this bridge is in secure mode now: it speaks to that daemon only\n"

static bench_t *start(bridge_secure_state_t state)
{
    bench_t *bench = bench_start();
    bench->port.secure = state;
    return bench;
}

static void ask(bench_t *bench, int sock, const char *name)
{
    bridge_message_t message = {.type = BRIDGE_SECURE_REQUEST};
    message.as.asking = bridge_span_of(name);
    bench_say(bench, sock, &message);
    bench_run(bench, 1000);
}

static void install(bench_t *bench, int sock, const char *certificate)
{
    bridge_message_t message = {.type = BRIDGE_SECURE_INSTALL};
    message.as.install.certificate = bridge_span_of(certificate);
    message.as.install.authority = bridge_span_of("authority");
    bench_say(bench, sock, &message);
    bench_run(bench, 1000);
}

static bool is_text(bridge_span_t span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.data, text, span.length) == 0;
}

static void expect_csr(bench_t *bench, int sock)
{
    CHECK(is_text(bench_expect(bench, sock, BRIDGE_SECURE_CSR).as.csr, FAKE_CSR));
}

static void expect_answer(bench_t *bench, int sock, bool is_refused, const char *text)
{
    bridge_message_t answer = bench_expect(bench, sock, BRIDGE_SECURE_ANSWER);
    CHECK_EQUAL(answer.as.secured.is_refused, is_refused);
    CHECK(is_text(answer.as.secured.text, text));
}

static void expect_closing(bench_t *bench, int sock, uint8_t reason)
{
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_CLOSING).as.closing.reason, reason);
    CHECK(bench->port.sockets[sock].is_finished);
}

static const char s_no_window[] = "this bridge can be secured only just after its power-up, or while its console allows it: "
                                  "switch it off and on, or write secure at that console, and try again within "
                                  "5 minutes";

TEST(a_bridge_is_secured_for_five_minutes_after_power_up_and_not_after, "R68")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    bench_run(bench, WINDOW_US - 10000);
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    expect_csr(bench, sock);
    bench_run(bench, 10000);
    ask(bench, sock, "desk");
    expect_answer(bench, sock, true, s_no_window);
    install(bench, sock, FAKE_CERTIFICATE);
    expect_answer(bench, sock, true, s_no_window);
    CHECK_EQUAL(bench->port.secure, BRIDGE_SECURE_OFF);
    CHECK(strcmp(bench->port.told, "desk" ASKS) == 0);
}

TEST(a_restart_that_is_no_power_up_opens_no_window_but_the_console_does, "R68")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    bridge_trouble_t shown;
    bridge_config_t config = bench->bridge.config;
    config.is_power_up = false;
    CHECK_EQUAL(bridge_start(&bench->bridge, &bench->port, &config), BRIDGE_OK);
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    expect_answer(bench, sock, true, s_no_window);
    CHECK_EQUAL(bench->port.keys, 0);
    CHECK_EQUAL(bridge_secure(&bench->bridge, &shown), BRIDGE_OK);
    CHECK(strcmp(shown.text, "this bridge is not in secure mode, and can be secured within 5 minutes; the fingerprint of its "
                             "key: " FINGERPRINT) == 0);
    ask(bench, sock, "desk");
    expect_csr(bench, sock);
    bench_run(bench, WINDOW_US);
    sock = bench_connect(bench);
    ask(bench, sock, "desk");
    expect_answer(bench, sock, true, s_no_window);
}

TEST(the_console_shows_who_asks_in_plain_letters_and_the_key_stays_the_same, "R69")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int sock = bench_connect(bench);
    ask(bench, sock, "d\x1b[2J\xc3\xa4sk\x7f");
    ask(bench, sock, "");
    CHECK(strcmp(bench->port.told, "d?[2J?sk?" ASKS "somebody" ASKS) == 0);
    CHECK_EQUAL(bench->port.keys, 1);
}

TEST(an_install_closes_all_older_connections_with_a_reason_the_controllers_too, "R70 R23")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int holder = bench_control(bench, 1);
    int other = bench_connect(bench);
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    expect_csr(bench, sock);
    install(bench, sock, FAKE_CERTIFICATE);
    expect_answer(bench, sock, false, "");
    expect_closing(bench, sock, BRIDGE_CLOSE_SECURED);
    expect_closing(bench, holder, BRIDGE_CLOSE_SECURED);
    expect_closing(bench, other, BRIDGE_CLOSE_SECURED);
    CHECK(!bridge_is_controlled(&bench->bridge));
    CHECK(strcmp(bench->port.told, "desk" ASKS IS_SECURED) == 0);
    int inside = bench_control(bench, 2);
    CHECK(bench->port.sockets[inside].is_inside_tls);
}

TEST(what_is_no_good_certificate_or_cannot_be_kept_changes_nothing, "R70")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int sock = bench_connect(bench);
    install(bench, sock, "bad");
    expect_answer(bench, sock, true, "no certificate that could be used");
    bench->port.keeps_nothing = true;
    install(bench, sock, FAKE_CERTIFICATE);
    expect_answer(bench, sock, true, "the bridge cannot keep its certificate");
    CHECK_EQUAL(bench->port.secure, BRIDGE_SECURE_OFF);
    bench_say_hello(bench, sock, 1, false, 0);
    bench_run(bench, 1000);
    (void)bench_expect(bench, sock, BRIDGE_WELCOME);
}

TEST(no_request_for_secure_mode_disturbs_the_controller, "R68")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int holder = bench_control(bench, 1);
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    install(bench, sock, "bad");
    CHECK(bench_is_silent(bench, holder));
    CHECK(bridge_is_controlled(&bench->bridge));
}

TEST(inside_tls_a_certificate_is_renewed_at_any_time, "R68 R70")
{
    bench_t *bench = start(BRIDGE_SECURE_ON);
    bench_run(bench, 2 * WINDOW_US);
    int older = bench_control(bench, 1);
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    expect_csr(bench, sock);
    install(bench, sock, FAKE_CERTIFICATE);
    expect_answer(bench, sock, false, "");
    expect_closing(bench, older, BRIDGE_CLOSE_SECURED);
}

TEST(a_plain_connection_that_was_there_before_installs_nothing_any_more, "R54 R68")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int sock = bench_connect(bench);
    bench->port.secure = BRIDGE_SECURE_ON;
    ask(bench, sock, "desk");
    expect_answer(bench, sock, true, s_no_window);
}

TEST(a_bridge_without_secure_mode_does_not_know_its_messages, "R68 R7")
{
    bench_t *bench = start(BRIDGE_SECURE_LACKING);
    bridge_trouble_t shown;
    int sock = bench_connect(bench);
    ask(bench, sock, "desk");
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_UNSUPPORTED).as.unsupported, BRIDGE_SECURE_REQUEST);
    install(bench, sock, FAKE_CERTIFICATE);
    CHECK_EQUAL(bench_expect(bench, sock, BRIDGE_UNSUPPORTED).as.unsupported, BRIDGE_SECURE_INSTALL);
    CHECK_EQUAL(bridge_secure(&bench->bridge, &shown), BRIDGE_ERR_UNSUPPORTED);
    CHECK_EQUAL(bridge_insecure(&bench->bridge, &shown), BRIDGE_ERR_UNSUPPORTED);
    CHECK(strcmp(shown.text, "this bridge has no secure mode") == 0);
}

TEST(secure_mode_is_not_spoken_of_after_welcome_and_not_by_the_bridge, "R8")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    int sock = bench_control(bench, 1);
    ask(bench, sock, "desk");
    expect_closing(bench, sock, BRIDGE_CLOSE_PROTOCOL_ERROR);
    sock = bench_connect(bench);
    bridge_message_t csr = {.type = BRIDGE_SECURE_CSR, .as.csr = bridge_span_of("mine")};
    bench_say(bench, sock, &csr);
    bench_run(bench, 1000);
    expect_closing(bench, sock, BRIDGE_CLOSE_PROTOCOL_ERROR);
}

TEST(the_console_makes_a_bridge_forget_and_everybody_is_sent_away, "R69 R70")
{
    bench_t *bench = start(BRIDGE_SECURE_ON);
    bridge_trouble_t shown;
    int sock = bench_control(bench, 1);
    CHECK_EQUAL(bridge_secure(&bench->bridge, &shown), BRIDGE_OK);
    CHECK(strcmp(shown.text, "this bridge is in secure mode; the fingerprint of its key: " FINGERPRINT) == 0);
    bench->port.keeps_nothing = true;
    CHECK_EQUAL(bridge_insecure(&bench->bridge, &shown), BRIDGE_ERR_PORT);
    CHECK(strcmp(shown.text, "key and certificates could not be forgotten") == 0);
    CHECK(bridge_is_controlled(&bench->bridge));
    bench->port.keeps_nothing = false;
    CHECK_EQUAL(bridge_insecure(&bench->bridge, &shown), BRIDGE_OK);
    bench->port.is_network_woken = true;
    bench_run(bench, 1000);
    expect_closing(bench, sock, BRIDGE_CLOSE_SHUTDOWN);
    CHECK(!bench->port.has_key);
    CHECK(strcmp(shown.text, "key and certificates are forgotten: this bridge is not in secure mode") == 0);
}

TEST(a_handshake_counts_in_the_five_seconds_before_hello, "R71 R13")
{
    bench_t *bench = start(BRIDGE_SECURE_ON);
    int sock = fake_connect(&bench->port);
    bench->port.has_socket_news = false;
    bench->port.now_us += 3 * SECOND_US;
    bench->port.has_socket_news = true;
    bench_run(bench, 2 * SECOND_US - 1);
    CHECK_EQUAL(bench_hear(bench, sock).type, BRIDGE_GREETING);
    CHECK(bench_is_silent(bench, sock));
    bench_run(bench, 1);
    expect_closing(bench, sock, BRIDGE_CLOSE_TOO_SLOW);
}

static uint8_t rights_of(bench_t *bench, int sock)
{
    bridge_message_t greeting = bench_hear(bench, sock);
    CHECK_EQUAL(greeting.type, BRIDGE_GREETING);
    return greeting.as.greeting.rights;
}

TEST(inside_tls_the_network_may_do_everything_that_there_is, "R58 R60")
{
    bench_t *bench = start(BRIDGE_SECURE_OFF);
    bridge_settings_t settings;
    bridge_config_t config = bench->bridge.config;
    config.chip = bridge_chip("esp32");
    config.settings = &settings;
    bridge_settings_default(&settings, config.chip, "lab", 7820);
    CHECK_EQUAL(bridge_start(&bench->bridge, &bench->port, &config), BRIDGE_OK);
    CHECK_EQUAL(rights_of(bench, bench_connect(bench)), 0);
    bench->port.secure = BRIDGE_SECURE_ON;
    CHECK_EQUAL(rights_of(bench, bench_connect(bench)), BRIDGE_MAY_SETTINGS | BRIDGE_MAY_UPDATE);
    config.settings = NULL;
    CHECK_EQUAL(bridge_start(&bench->bridge, &bench->port, &config), BRIDGE_OK);
    CHECK_EQUAL(rights_of(bench, bench_connect(bench)), 0);
}
