// Certificates made on the spot.
#ifndef RADIO_TESTS_TESTING_CERTIFICATES_H_
#define RADIO_TESTS_TESTING_CERTIFICATES_H_

#include <openssl/x509.h>

#include <memory>
#include <string>

namespace radio {

// A key with a certificate for "localhost" and 127.0.0.1; an authority signs others. For tests: the
// keys are real, the lifetimes an hour.
class Certificate {
 public:
  // Signed by itself.
  static Certificate Authority(const std::string& name);
  // Signed by this authority; `lifetime_s` below zero means expired.
  Certificate Issue(const std::string& name, long lifetime_s = 3600) const;

  std::string certificate_pem() const;
  std::string key_pem() const;

 private:
  Certificate(EVP_PKEY* key, X509* certificate);

  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
};

}  // namespace radio

#endif  // RADIO_TESTS_TESTING_CERTIFICATES_H_
