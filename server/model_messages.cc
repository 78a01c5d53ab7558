#include "server/model_messages.h"

#include "absl/strings/str_cat.h"

namespace radio::server {

v1::Model ModelMessage(const ModelSpec& spec, bool ready) {
  v1::Model message;
  message.set_name(spec.name);
  message.set_version(spec.random_weights ? absl::StrCat(spec.version, " (random weights)")
                                          : spec.version);
  message.set_architecture(spec.architecture);
  message.set_precision(spec.precision);
  message.set_source_sha256(spec.source_sha256);
  message.set_license(spec.license);
  message.set_patch_size(spec.patch_size);
  message.set_resolution_step(spec.resolution_step);
  message.set_max_resolution(spec.max_resolution);
  message.set_preferred_height(spec.preferred.height);
  message.set_preferred_width(spec.preferred.width);
  if (spec.window_size) message.set_window_size(*spec.window_size);
  for (const float value : spec.mean) message.add_mean(value);
  for (const float value : spec.std) message.add_std(value);
  for (const AdaptorSpec& adaptor : spec.outputs) {
    v1::AdaptorInfo* info = message.add_adaptors();
    info->set_name(adaptor.name);
    info->set_summary_dim(adaptor.summary_dim);
    info->set_feature_dim(adaptor.feature_dim);
    info->set_upsample_factor(adaptor.upsample_factor);
  }
  message.set_embedding_space(spec.embedding_space);
  message.set_ready(ready);
  message.set_random_weights(spec.random_weights);
  return message;
}

}  // namespace radio::server
