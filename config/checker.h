// A list of broken rules that grows while a message is checked.
#ifndef RADIO_CONFIG_CHECKER_H_
#define RADIO_CONFIG_CHECKER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace radio::config {

// Not thread-safe. `path` is the field's, e.g. "models[1].name".
class Checker {
 public:
  // Records "path: rule" unless `ok`.
  void Require(bool ok, absl::string_view path, absl::string_view rule) {
    if (!ok) violations_.push_back(absl::StrCat(path, ": ", rule));
  }

  void RequireBetween(int64_t value, int64_t min, int64_t max, absl::string_view path) {
    Require(value >= min && value <= max, path,
            absl::StrCat("must be between ", min, " and ", max, ", is ", value));
  }

  void RequireOneOf(absl::string_view value, const std::vector<absl::string_view>& allowed,
                    absl::string_view path) {
    Require(absl::c_linear_search(allowed, value), path,
            absl::StrCat("must be one of ", absl::StrJoin(allowed, ", "), ", is \"", value, "\""));
  }

  std::vector<std::string> Take() { return std::move(violations_); }

 private:
  std::vector<std::string> violations_;
};

}  // namespace radio::config

#endif  // RADIO_CONFIG_CHECKER_H_
