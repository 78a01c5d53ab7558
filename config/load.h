// Text-format messages from files: the server's configuration and the manifests of models.
#ifndef RADIO_CONFIG_LOAD_H_
#define RADIO_CONFIG_LOAD_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "config/server_config.pb.h"
#include "google/protobuf/message.h"

namespace radio::config {

// Parses `text` into `message`. Unknown fields, wrong types and repeated scalars are errors:
// INVALID_ARGUMENT with one line per error, each beginning with "source:line:column: ".
absl::Status ParseText(absl::string_view text, absl::string_view source,
                       google::protobuf::Message* message);

// NOT_FOUND when there is no such file, INVALID_ARGUMENT when it is longer than `max_bytes`.
// Blocks.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes);

// ReadFile and ParseText. Checks no rules: see validate.h.
absl::StatusOr<ServerConfig> LoadServerConfig(const std::string& path);

// Sets every field that is unset to its default, in submessages too (but for `tls`, whose presence
// means something): what --print_config shows.
void FillDefaults(ServerConfig* config);

}  // namespace radio::config

#endif  // RADIO_CONFIG_LOAD_H_
