#include "client/cli/extract_one.h"

#include <utility>

#include "client/cli/inputs.h"
#include "client/files.h"
#include "model/base/status_macros.h"

namespace radio::client {

absl::StatusOr<ImageFeatures> ExtractOne(const FeatureClient& client, const std::string& model,
                                         const v1::Preprocessing& preprocessing,
                                         const v1::OutputSpec& output, const std::string& path) {
  RADIO_ASSIGN_OR_RETURN(std::string bytes, ReadFile(path, kMaxImageBytes));
  v1::ExtractRequest request;
  request.set_model(model);
  request.add_images()->set_encoded(std::move(bytes));
  *request.mutable_preprocessing() = preprocessing;
  *request.add_outputs() = output;
  RADIO_ASSIGN_OR_RETURN(ExtractResult result, client.Extract(std::move(request)));
  if (result.images.size() != 1) return absl::InternalError("the server sent no result");
  return std::move(result.images[0]);
}

}  // namespace radio::client
