// Any text as a configuration: errors with their place, or a message whose violations can be listed
// and whose defaults, once filled in, stay as they are.
#include <cstdint>

#include "absl/strings/match.h"
#include "config/load.h"
#include "config/validate.h"
#include "tests/fuzz/fuzz_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace radio::config;  // NOLINT
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  ServerConfig config;
  const absl::Status status = ParseText(text, "fuzz", &config);
  if (!status.ok()) {
    FUZZ_CHECK(absl::StartsWith(status.message(), "fuzz:"));
    return 0;
  }
  const std::vector<std::string> violations = Violations(config);
  ServerConfig filled = config;
  FillDefaults(&filled);
  FUZZ_CHECK(Violations(filled) == violations);
  ServerConfig again = filled;
  FillDefaults(&again);
  FUZZ_CHECK(again.SerializeAsString() == filled.SerializeAsString());
  return 0;
}
