/* Certificates: whether they are this bridge's (R70), and what TLS makes of them. */
#include <stdio.h>
#include <string.h>

#include "security.h"

#define PUBLIC_BYTES 128U
#define URI "urn:stmota:bridge:"
#define URI_TAG (MBEDTLS_ASN1_CONTEXT_SPECIFIC | 6) /* RFC 5280, GeneralName: uniformResourceIdentifier */

static const uint8_t s_common_name[] = {0x55, 0x04, 0x03}; /* 2.5.4.3, RFC 5280 A.1: id-at-commonName */
static const uint8_t s_server[] = {0x2B, 6, 1, 5, 5, 7, 3, 1}; /* 1.3.6.1.5.5.7.3.1, RFC 5280 4.2.1.12: id-kp-serverAuth */

static bool is_text(const mbedtls_asn1_buf *found, const char *text)
{
    return found->len == strlen(text) && memcmp(found->p, text, found->len) == 0;
}

/* Whether there is one common name, and that is the id. */
static bool has_common_name(const mbedtls_x509_crt *certificate, const char *id)
{
    size_t names = 0;
    bool is_same = false;
    for (const mbedtls_x509_name *one = &certificate->subject; one != NULL; one = one->next) {
        if (one->oid.len == sizeof(s_common_name) && memcmp(one->oid.p, s_common_name, sizeof(s_common_name)) == 0) {
            names++;
            is_same = is_text(&one->val, id);
        }
    }
    return names == 1 && is_same;
}

static bool has_uri(const mbedtls_x509_crt *certificate, const char *id)
{
    char uri[sizeof(URI) + SECURITY_ID_BYTES];
    snprintf(uri, sizeof(uri), URI "%s", id);
    for (const mbedtls_x509_sequence *one = &certificate->subject_alt_names; one != NULL; one = one->next) {
        if (one->buf.tag == URI_TAG && is_text(&one->buf, uri)) {
            return true;
        }
    }
    return false;
}

static bool is_for_a_server(const mbedtls_x509_crt *certificate)
{
    for (const mbedtls_x509_sequence *one = &certificate->ext_key_usage; one != NULL; one = one->next) {
        if (one->buf.len == sizeof(s_server) && memcmp(one->buf.p, s_server, sizeof(s_server)) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_for_key(const mbedtls_x509_crt *certificate, mbedtls_pk_context *key)
{
    uint8_t public[PUBLIC_BYTES];
    int length = mbedtls_pk_write_pubkey_der(key, public, sizeof(public));
    return length > 0 && certificate->pk_raw.len == (size_t)length &&
           memcmp(certificate->pk_raw.p, public + sizeof(public) - length, (size_t)length) == 0;
}

bool security_credentials_are_good(bridge_security_t *security, security_credentials_t *credentials)
{
    uint32_t flags = 0;
    const char *what = NULL;
    mbedtls_x509_crt *certificate = &credentials->certificate;
    bool is_ca = security_is_ca(&credentials->authority);
    int error = mbedtls_x509_crt_verify(certificate, &credentials->authority, NULL, NULL, &flags, NULL, NULL);
    if (!is_ca) {
        what = "its issuer is no CA";
    } else if (!is_for_key(certificate, &credentials->key)) {
        what = "the certificate is for another key";
    } else if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0) {
        what = "the certificate is not valid today; are the clocks right?";
    } else if (error != 0) {
        what = "the certificate is not signed by that CA";
    } else if (!is_for_a_server(certificate)) {
        what = "the certificate is not for server authentication";
    }
    if (what == NULL && !(has_common_name(certificate, security->id) && has_uri(certificate, security->id))) {
        snprintf(security->trouble, sizeof(security->trouble), "the certificate is for another bridge than %s", security->id);
        return false;
    }
    snprintf(security->trouble, sizeof(security->trouble), "%s", what != NULL ? what : "");
    return what == NULL;
}

static bool parse(mbedtls_x509_crt *certificate, bridge_span_t der)
{
    return mbedtls_x509_crt_parse_der(certificate, der.data, der.length) == 0 && certificate->raw.len == der.length;
}

/* R54, R71: TLS 1.2 or newer, a client's certificate of that CA for client authentication (mbedTLS looks at that usage by itself), and no
 * session is taken up again: there is neither a cache nor a ticket key. */
static bool configure(bridge_security_t *security, security_credentials_t *credentials)
{
    mbedtls_ssl_config *config = &credentials->config;
    if (mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0) {
        return false;
    }
    security_use_chance(config, &security->chance);
    security_want_tls_1_2(config);
    mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(config, &credentials->authority, NULL);
    return mbedtls_ssl_conf_own_cert(config, &credentials->certificate, &credentials->key) == 0;
}

bool security_credentials_load(bridge_security_t *security, security_credentials_t *credentials, bridge_span_t key,
                               bridge_span_t certificate, bridge_span_t authority)
{
    mbedtls_pk_init(&credentials->key);
    mbedtls_x509_crt_init(&credentials->certificate);
    mbedtls_x509_crt_init(&credentials->authority);
    mbedtls_ssl_config_init(&credentials->config);
    credentials->is_there = true;
    bool is_good = security_parse_key(&credentials->key, key.data, key.length, &security->chance) == 0 &&
                   parse(&credentials->certificate, certificate) && parse(&credentials->authority, authority) &&
                   configure(security, credentials);
    if (!is_good) {
        security_credentials_free(credentials);
    }
    return is_good;
}

void security_credentials_free(security_credentials_t *credentials)
{
    if (credentials->is_there) {
        mbedtls_ssl_config_free(&credentials->config);
        mbedtls_x509_crt_free(&credentials->authority);
        mbedtls_x509_crt_free(&credentials->certificate);
        mbedtls_pk_free(&credentials->key);
        credentials->is_there = false;
    }
}
