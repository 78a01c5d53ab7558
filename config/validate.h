// Whether a configuration keeps the rules written in server_config.proto.
#ifndef RADIO_CONFIG_VALIDATE_H_
#define RADIO_CONFIG_VALIDATE_H_

#include <string>
#include <vector>

#include "config/server_config.pb.h"

namespace radio::config {

// Every broken rule, as "field.path: rule, value"; empty for a configuration that can be used.
// Pure: looks at no file and no device.
std::vector<std::string> Violations(const ServerConfig& config);

// The files that the configuration names and that are not there to be read, as violations. Blocks.
std::vector<std::string> MissingFiles(const ServerConfig& config);

}  // namespace radio::config

#endif  // RADIO_CONFIG_VALIDATE_H_
