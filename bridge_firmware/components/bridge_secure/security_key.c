/* The bridge's own key, and its request for a certificate. The key leaves this component for storage only. */
#include <string.h>

#include <mbedtls/platform_util.h>

#include "bridge_sha256.h"
#include "security.h"

#define PUBLIC_BYTES 128U   /* SubjectPublicKeyInfo of P-256: 91 bytes (RFC 5480) */
#define INFO_BYTES 256U
#define SIGNATURE_BYTES 80U /* of P-256: 72 at most (RFC 3279, 2.2.3) */
#define SEQUENCE 0x30U
#define BIT_STRING 0x03U

bridge_error_t security_make_key(bridge_security_t *security)
{
    mbedtls_pk_context key;
    if (security->key_length > 0) {
        return BRIDGE_OK;
    }
    mbedtls_pk_init(&key);
    int length = -1;
    if (security_generate_p256(&key, &security->chance) == 0) {
        length = mbedtls_pk_write_key_der(&key, security->key, sizeof(security->key));
    }
    mbedtls_pk_free(&key);
    if (length <= 0) {
        mbedtls_platform_zeroize(security->key, sizeof(security->key));
        return BRIDGE_ERR_PORT;
    }
    security->key_length = (size_t)length; /* written to the end of the buffer */
    memmove(security->key, security->key + sizeof(security->key) - security->key_length, security->key_length);
    return BRIDGE_OK;
}

static int parse(bridge_security_t *security, mbedtls_pk_context *key)
{
    mbedtls_pk_init(key);
    return security_make_key(security) == BRIDGE_OK
               ? security_parse_key(key, security->key, security->key_length, &security->chance)
               : -1;
}

bridge_error_t security_fingerprint(bridge_security_t *security, uint8_t *fingerprint)
{
    mbedtls_pk_context key;
    uint8_t public[PUBLIC_BYTES];
    int length = parse(security, &key) == 0 ? mbedtls_pk_write_pubkey_der(&key, public, sizeof(public)) : -1;
    mbedtls_pk_free(&key);
    if (length <= 0) {
        return BRIDGE_ERR_PORT;
    }
    bridge_sha256_t sum;
    bridge_sha256_start(&sum);
    bridge_sha256_add(&sum, (bridge_span_t){public + sizeof(public) - length, (size_t)length});
    bridge_sha256_end(&sum, fingerprint);
    return BRIDGE_OK;
}

/* DER: tag, length, content. */
static void put_der(bridge_writer_t *writer, uint8_t tag, bridge_span_t content)
{
    bridge_put_u8(writer, tag);
    if (content.length > 0xFF) {
        bridge_put_u8(writer, 0x82);
        bridge_put_u8(writer, (uint8_t)(content.length >> 8));
    } else if (content.length > 0x7F) {
        bridge_put_u8(writer, 0x81);
    }
    bridge_put_u8(writer, (uint8_t)content.length);
    bridge_put_span(writer, content);
}

static bridge_span_t written(const bridge_writer_t *writer)
{
    return (bridge_span_t){writer->data, writer->is_wrong ? 0 : writer->at};
}

/* PKCS#10's CertificationRequestInfo (RFC 2986, 4.1): version 0, the id as the common name, the public key, no attributes. */
static void put_info(bridge_writer_t *writer, const char *id, bridge_span_t public)
{
    static const uint8_t before_id[] = {0x02, 0x01, 0x00,                          /* 0 */
                                        0x30, 0x1B, 0x31, 0x19, 0x30, 0x17,        /* of one name one part */
                                        0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x10}; /* 2.5.4.3: UTF-8, 16 bytes */
    static const uint8_t attributes[] = {0xA0, 0x00};
    uint8_t content[INFO_BYTES];
    bridge_writer_t inner = bridge_writer(content, sizeof(content));
    bridge_put_span(&inner, (bridge_span_t){before_id, sizeof(before_id)});
    bridge_put_span(&inner, bridge_span_of(id));
    bridge_put_span(&inner, public);
    bridge_put_span(&inner, (bridge_span_t){attributes, sizeof(attributes)});
    put_der(writer, SEQUENCE, written(&inner));
}

/* Sign these bytes; the length of what is written to `signature`, 0: it failed. */
static size_t sign(bridge_security_t *security, mbedtls_pk_context *key, bridge_span_t data, uint8_t *signature)
{
    uint8_t digest[BRIDGE_SHA256_BYTES];
    size_t length = 0;
    bridge_sha256_t sum;
    bridge_sha256_start(&sum);
    bridge_sha256_add(&sum, data);
    bridge_sha256_end(&sum, digest);
    return security_sign(key, digest, signature, SIGNATURE_BYTES, &length, &security->chance) == 0 ? length : 0;
}

/* Not mbedTLS's own writer: 2.28's gives ECDSA's algorithm a parameter, which RFC 5758, 3.2 forbids and parsers refuse. */
bridge_error_t security_request(bridge_security_t *security, uint8_t *csr, size_t *length)
{
    static const uint8_t algorithm[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02}; /* ecdsa-with-SHA256 */
    mbedtls_pk_context key;
    uint8_t public[PUBLIC_BYTES];
    uint8_t signature[1 + SIGNATURE_BYTES] = {0}; /* a BIT STRING begins with how many bits of its end do not count */
    uint8_t content[BRIDGE_MAX_CERTIFICATE];
    bridge_writer_t inner = bridge_writer(content, sizeof(content));
    bridge_writer_t outer = bridge_writer(csr, BRIDGE_MAX_CERTIFICATE);
    int found = parse(security, &key) == 0 ? mbedtls_pk_write_pubkey_der(&key, public, sizeof(public)) : -1;
    size_t signed_bytes = 0;
    if (found > 0) {
        put_info(&inner, security->id, (bridge_span_t){public + sizeof(public) - found, (size_t)found});
        signed_bytes = sign(security, &key, written(&inner), signature + 1);
    }
    mbedtls_pk_free(&key);
    put_der(&inner, SEQUENCE, (bridge_span_t){algorithm, sizeof(algorithm)});
    put_der(&inner, BIT_STRING, (bridge_span_t){signature, 1 + signed_bytes});
    put_der(&outer, SEQUENCE, written(&inner));
    *length = outer.at;
    return signed_bytes > 0 && !inner.is_wrong && bridge_writer_end(&outer) == BRIDGE_OK ? BRIDGE_OK : BRIDGE_ERR_PORT;
}
