/* What differs between mbedTLS 2.28 (Debian), 3.6 (ESP-IDF 5.5) and 4 (ESP-IDF 6), and only that.
 *
 * 4 has randomness of its own; before it a generator is handed to each call. From 3 on parts of structs are private, and TLS 1.3
 * works with PSA. Functions return mbedTLS's codes: 0 is good. */
#pragma once

#include <mbedtls/version.h>

#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#if MBEDTLS_VERSION_MAJOR < 4
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#endif
#if MBEDTLS_VERSION_MAJOR >= 4 || (MBEDTLS_VERSION_MAJOR == 3 && defined(MBEDTLS_PSA_CRYPTO_C))
#define SECURITY_HAS_PSA 1
#include <psa/crypto.h>
#else
#define SECURITY_HAS_PSA 0
#endif

static inline int security_start_psa(void)
{
#if SECURITY_HAS_PSA
    return psa_crypto_init() == PSA_SUCCESS ? 0 : -1; /* as often as one likes */
#else
    return 0;
#endif
}

#if MBEDTLS_VERSION_MAJOR >= 4

typedef struct {
    uint8_t unused;
} security_chance_t;

static inline int security_chance_start(security_chance_t *chance)
{
    chance->unused = 0;
    return security_start_psa();
}

static inline void security_chance_end(security_chance_t *chance)
{
    (void)chance;
}

static inline int security_generate_p256(mbedtls_pk_context *key, security_chance_t *chance)
{
    psa_key_attributes_t kind = PSA_KEY_ATTRIBUTES_INIT;
    mbedtls_svc_key_id_t made = MBEDTLS_SVC_KEY_ID_INIT;
    (void)chance;
    psa_set_key_type(&kind, PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_SECP_R1));
    psa_set_key_bits(&kind, 256);
    psa_set_key_algorithm(&kind, PSA_ALG_ECDSA(PSA_ALG_ANY_HASH));
    psa_set_key_usage_flags(&kind, PSA_KEY_USAGE_SIGN_HASH | PSA_KEY_USAGE_EXPORT);
    if (psa_generate_key(&kind, &made) != PSA_SUCCESS) {
        return -1;
    }
    int error = mbedtls_pk_copy_from_psa(made, key);
    (void)psa_destroy_key(made);
    return error;
}

static inline int security_parse_key(mbedtls_pk_context *key, const uint8_t *der, size_t length, security_chance_t *chance)
{
    (void)chance;
    return mbedtls_pk_parse_key(key, der, length, NULL, 0);
}

/* A SHA-256, by ECDSA, in DER. */
static inline int security_sign(mbedtls_pk_context *key, const uint8_t *digest, uint8_t *signature, size_t capacity, size_t *length,
                                security_chance_t *chance)
{
    (void)chance;
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, digest, 32, signature, capacity, length);
}

static inline void security_use_chance(mbedtls_ssl_config *config, security_chance_t *chance)
{
    (void)config;
    (void)chance;
}

#else

typedef struct {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context generator;
} security_chance_t;

static inline int security_chance_start(security_chance_t *chance)
{
    mbedtls_entropy_init(&chance->entropy);
    mbedtls_ctr_drbg_init(&chance->generator);
    int error = mbedtls_ctr_drbg_seed(&chance->generator, mbedtls_entropy_func, &chance->entropy, NULL, 0);
    return error == 0 ? security_start_psa() : error;
}

static inline void security_chance_end(security_chance_t *chance)
{
    mbedtls_ctr_drbg_free(&chance->generator);
    mbedtls_entropy_free(&chance->entropy);
}

static inline int security_generate_p256(mbedtls_pk_context *key, security_chance_t *chance)
{
    int error = mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    return error != 0 ? error
                      : mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), mbedtls_ctr_drbg_random,
                                            &chance->generator);
}

static inline int security_parse_key(mbedtls_pk_context *key, const uint8_t *der, size_t length, security_chance_t *chance)
{
#if MBEDTLS_VERSION_MAJOR == 3
    return mbedtls_pk_parse_key(key, der, length, NULL, 0, mbedtls_ctr_drbg_random, &chance->generator);
#else
    (void)chance;
    return mbedtls_pk_parse_key(key, der, length, NULL, 0);
#endif
}

/* A SHA-256, by ECDSA, in DER. */
static inline int security_sign(mbedtls_pk_context *key, const uint8_t *digest, uint8_t *signature, size_t capacity, size_t *length,
                                security_chance_t *chance)
{
#if MBEDTLS_VERSION_MAJOR == 3
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, digest, 32, signature, capacity, length, mbedtls_ctr_drbg_random,
                           &chance->generator);
#else
    (void)capacity; /* MBEDTLS_ECDSA_MAX_LEN of P-256 is 72 */
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, digest, 32, signature, length, mbedtls_ctr_drbg_random, &chance->generator);
#endif
}

static inline void security_use_chance(mbedtls_ssl_config *config, security_chance_t *chance)
{
    mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &chance->generator);
}

#endif

static inline void security_want_tls_1_2(mbedtls_ssl_config *config)
{
#if MBEDTLS_VERSION_MAJOR >= 3
    mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_2);
#else
    mbedtls_ssl_conf_min_version(config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
}

/* RFC 5280, 4.2.1.3 and 4.2.1.9: a CA by its basic constraints; its key's usage, where it names one, is to sign certificates. */
static inline bool security_is_ca(const mbedtls_x509_crt *certificate)
{
#if MBEDTLS_VERSION_MAJOR >= 3
    bool is_ca = mbedtls_x509_crt_get_ca_istrue(certificate) == 1;
#else
    bool is_ca = certificate->ca_istrue != 0;
#endif
    return is_ca && mbedtls_x509_crt_check_key_usage(certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0;
}

static inline bool security_is_handshake_over(mbedtls_ssl_context *tls)
{
#if MBEDTLS_VERSION_MAJOR >= 3
    return mbedtls_ssl_is_handshake_over(tls) == 1;
#else
    return tls->state == MBEDTLS_SSL_HANDSHAKE_OVER;
#endif
}
