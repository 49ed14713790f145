// A FIDO authenticator without hardware: the library that ssh loads by SecurityKeyProvider (sk-api.h of OpenSSH, as of 8.9). The device is
// the file that SOFTWARE_FIDO_DEVICE names: without it, it is unplugged. The handle of a key is the whole private key, so that nothing
// needs to be kept; a real device would encrypt it. Whoever calls frees what is returned, and checks that nothing is missing.

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ECDSA = 0, TOUCHED = 1, VERIFIED = 4, FAILED = -1, UNSUPPORTED = -2, NO_PIN = -3, NO_DEVICE = -4, HASH_BYTES = 32 };

struct enrolled {
  uint8_t flags;
  uint8_t *public_key;
  size_t public_key_len;
  uint8_t *handle;
  size_t handle_len;
  uint8_t *signature;
  size_t signature_len;
  uint8_t *certificate;
  size_t certificate_len;
  uint8_t *authdata;
  size_t authdata_len;
};

struct sealed {
  uint8_t flags;
  uint32_t counter;
  uint8_t *r;
  size_t r_len;
  uint8_t *s;
  size_t s_len;
};

static int is_plugged_in(void) {
  const char *device = getenv("SOFTWARE_FIDO_DEVICE");
  return device != NULL && access(device, R_OK) == 0;
}

// Of a plain file the touch has come already; a named pipe is waited for until somebody writes to it.
static void wait_for_touch(void) { close(open(getenv("SOFTWARE_FIDO_DEVICE"), O_RDONLY)); }

uint32_t sk_api_version(void) { return 0x000a0000; }

int sk_load_resident_keys(void) { return UNSUPPORTED; }

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
              const char *pin, void *options, struct enrolled **out) {
  (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
  if (!is_plugged_in()) return NO_DEVICE;
  EVP_PKEY *key = alg == ECDSA ? EVP_EC_gen("P-256") : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
  struct enrolled *made = calloc(1, sizeof *made);
  if (key == NULL || made == NULL) return FAILED;

  made->flags = flags;
  if (alg == ECDSA) {
    made->public_key_len = EVP_PKEY_get1_encoded_public_key(key, &made->public_key);
  } else {
    made->public_key_len = HASH_BYTES;
    made->public_key = malloc(HASH_BYTES);
    EVP_PKEY_get_raw_public_key(key, made->public_key, &made->public_key_len);
  }
  made->handle_len = i2d_PrivateKey(key, &made->handle);
  made->signature = calloc(1, 1); // of the maker of the device, which nobody asks for here
  EVP_PKEY_free(key);
  *out = made;
  return 0;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle,
            size_t handle_len, uint8_t flags, const char *pin, void *options, struct sealed **out) {
  (void)options;
  if (!is_plugged_in()) return NO_DEVICE;
  if ((flags & VERIFIED) && pin == NULL) return NO_PIN;
  if (flags & TOUCHED) wait_for_touch();
  EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &handle, handle_len);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  struct sealed *made = calloc(1, sizeof *made);
  if (key == NULL || context == NULL || made == NULL) return FAILED;

  // What is signed: the hash of the application, the flags, a counter, and the hash of the data.
  made->flags = flags;
  made->counter = 1;
  uint8_t message[HASH_BYTES + 1 + 4 + HASH_BYTES] = {[HASH_BYTES] = flags, [HASH_BYTES + 4] = 1};
  EVP_Digest(application, strlen(application), message, NULL, EVP_sha256(), NULL);
  EVP_Digest(data, data_len, message + HASH_BYTES + 1 + 4, NULL, EVP_sha256(), NULL);
  uint8_t signature[128];
  size_t length = sizeof signature;
  if (EVP_DigestSignInit(context, NULL, alg == ECDSA ? EVP_sha256() : NULL, NULL, key) != 1 ||
      EVP_DigestSign(context, signature, &length, message, sizeof message) != 1)
    return FAILED;

  if (alg == ECDSA) {
    const uint8_t *at = signature;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, length);
    if (pair == NULL) return FAILED;
    made->r_len = made->s_len = HASH_BYTES;
    made->r = malloc(HASH_BYTES);
    made->s = malloc(HASH_BYTES);
    BN_bn2binpad(ECDSA_SIG_get0_r(pair), made->r, HASH_BYTES);
    BN_bn2binpad(ECDSA_SIG_get0_s(pair), made->s, HASH_BYTES);
    ECDSA_SIG_free(pair);
  } else {
    made->r = malloc(length);
    made->r_len = length;
    memcpy(made->r, signature, length);
  }
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
  *out = made;
  return 0;
}
