#include "config/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "config/load.h"

namespace radio::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

ServerConfig Valid() {
  ServerConfig config;
  config.set_listen_address("127.0.0.1:0");
  config.set_insecure(true);
  ServedModel* model = config.add_models();
  model->set_name("m");
  model->set_path("/models/m");
  return config;
}

TEST(ValidateTest, AMinimalConfigurationIsValid) { EXPECT_THAT(Violations(Valid()), IsEmpty()); }

TEST(ValidateTest, EveryDefaultIsInItsRange) {
  ServerConfig config = Valid();
  FillDefaults(&config);
  EXPECT_THAT(Violations(config), IsEmpty());
}

TEST(ValidateTest, AllViolationsAreListedWithTheirPath) {
  ServerConfig config = Valid();
  config.set_listen_address("nowhere");
  config.mutable_models(0)->clear_path();
  ServedModel* second = config.add_models();
  second->set_name("m");
  second->set_path("/models/m");
  second->set_device("tpu");
  config.set_default_model("other-model");
  config.set_max_batch_images(0);
  config.mutable_transport()->set_keepalive_time_ms(1);
  EXPECT_THAT(Violations(config),
              UnorderedElementsAre(
                  StartsWith("listen_address: must be host:port"), StartsWith("models[0].path: "),
                  AllOf(StartsWith("models[1].name: must be unique"), HasSubstr("\"m\"")),
                  AllOf(StartsWith("models[1].device: "), HasSubstr("\"tpu\"")),
                  AllOf(StartsWith("default_model: "), HasSubstr("other-model")),
                  StartsWith("max_batch_images: must be between 1 and 4096, is 0"),
                  StartsWith("transport.keepalive_time_ms: ")));
}

TEST(ValidateTest, AnEmptyConfigurationMissesAddressModelsAndSecurity) {
  EXPECT_THAT(Violations(ServerConfig()),
              ElementsAre(StartsWith("listen_address: "), StartsWith("insecure: "),
                          StartsWith("models: ")));
}

TEST(ValidateTest, PlaintextAndTlsExcludeEachOther) {
  ServerConfig config = Valid();
  config.mutable_tls();
  EXPECT_THAT(Violations(config),
              ElementsAre(StartsWith("insecure: "), StartsWith("tls.certificate_file: "),
                          StartsWith("tls.private_key_file: ")));
}

TEST(ValidateTest, ModelNamesAreRestrictedAndReservedOnesRefused) {
  for (const char* name : {"", "a b", "readiness", "other", "x/y", "radio.v1.FeatureService"}) {
    ServerConfig config = Valid();
    config.mutable_models(0)->set_name(name);
    EXPECT_THAT(Violations(config), ElementsAre(StartsWith("models[0].name: "))) << name;
  }
  ServerConfig config = Valid();
  config.mutable_models(0)->set_name("c-radio_v4-so400m.fp32");
  EXPECT_THAT(Violations(config), IsEmpty());
}

TEST(ValidateTest, AddressesNeedHostAndPort) {
  for (const char* address : {"", ":1", "host", "host:", "host:65536", "host:-1", "host:http"}) {
    ServerConfig config = Valid();
    config.set_listen_address(address);
    EXPECT_THAT(Violations(config), ElementsAre(StartsWith("listen_address: "))) << address;
  }
  ServerConfig config = Valid();
  config.set_listen_address("[::1]:50051");
  EXPECT_THAT(Violations(config), IsEmpty());
}

TEST(ValidateTest, LimitsMustFitEachOther) {
  ServerConfig config = Valid();
  config.set_max_images_per_request(100);
  config.set_max_inflight_items(99);
  config.set_default_deadline_ms(2000);
  config.set_max_deadline_ms(1000);
  config.mutable_transport()->set_receive_memory_bytes(1000);
  EXPECT_THAT(Violations(config),
              ElementsAre(StartsWith("max_inflight_items: "), StartsWith("default_deadline_ms: "),
                          StartsWith("transport.receive_memory_bytes: ")));
}

TEST(ValidateTest, MissingFilesAreListed) {
  const std::string folder = testing::TempDir() + "/validate_model";
  mkdir(folder.c_str(), 0755);
  ServerConfig config = Valid();
  config.mutable_models(0)->set_path(folder);
  config.add_models()->set_path("/nonexistent");
  config.set_auth_token_file("/nonexistent/tokens");
  EXPECT_THAT(
      MissingFiles(config),
      ElementsAre(AllOf(StartsWith("models[0].path: "), HasSubstr("manifest.textproto")),
                  StartsWith("models[1].path: is no folder"), StartsWith("auth_token_file: ")));
  std::ofstream(folder + "/manifest.textproto") << "#";
  EXPECT_EQ(MissingFiles(config).size(), 2u);
}

}  // namespace
}  // namespace radio::config
