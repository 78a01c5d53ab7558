// One image, one output: what the commands that look at images one by one need.
#ifndef RADIO_CLIENT_CLI_EXTRACT_ONE_H_
#define RADIO_CLIENT_CLI_EXTRACT_ONE_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/feature_client.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::client {

// Reads the file and asks for `output`. Blocks. The error is the file's, the call's or the image's.
absl::StatusOr<ImageFeatures> ExtractOne(const FeatureClient& client, const std::string& model,
                                         const v1::Preprocessing& preprocessing,
                                         const v1::OutputSpec& output, const std::string& path);

}  // namespace radio::client

#endif  // RADIO_CLIENT_CLI_EXTRACT_ONE_H_
