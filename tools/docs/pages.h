// The pages of docs/ that list what is defined in one place in the code.
#ifndef RADIO_TOOLS_DOCS_PAGES_H_
#define RADIO_TOOLS_DOCS_PAGES_H_

#include <string>

#include "absl/status/statusor.h"

namespace radio::docs {

// docs/configuration.md from the comments, defaults and ranges in config/server_config.proto.
// `descriptors` is a FileDescriptorSet of it, with its imports and source information.
// INVALID_ARGUMENT when it is not, or when a field has no comment.
absl::StatusOr<std::string> ConfigurationPage(const std::string& descriptors);

// docs/errors.md from the table in model/errors.cc.
std::string ErrorsPage();

// docs/metrics.md from the table in server/metric_table.cc.
std::string MetricsPage();

}  // namespace radio::docs

#endif  // RADIO_TOOLS_DOCS_PAGES_H_
