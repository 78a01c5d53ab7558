// One image as it travels to what the preprocessor takes.
#ifndef RADIO_SERVER_IMAGE_CONVERSION_H_
#define RADIO_SERVER_IMAGE_CONVERSION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/preprocess/preprocessor.h"
#include "radio/v1/feature_service.pb.h"

namespace radio::server {

// The image, sharing the memory of `image`, which `owner` keeps alive. `path` names the image in
// messages, e.g. "images[3]". `conditioned`: the request says that float tensors are normalised.
// TENSOR_INVALID when shape, type and bytes do not fit each other, IMAGE_UNDECODABLE for an empty
// file, REQUEST_INVALID without any source.
absl::StatusOr<ImageSource> ConvertImage(const v1::Image& image, bool conditioned,
                                         absl::string_view path, std::shared_ptr<const void> owner);

}  // namespace radio::server

#endif  // RADIO_SERVER_IMAGE_CONVERSION_H_
