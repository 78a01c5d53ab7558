// The TorchScript modules of one artefact (docs/artefacts.md), ready to be called.
#ifndef RADIO_MODEL_ENGINE_TORCH_TORCH_MODEL_H_
#define RADIO_MODEL_ENGINE_TORCH_TORCH_MODEL_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

namespace radio {

// Not thread-safe. Everything throws c10::Error or std::runtime_error. The caller holds an
// InferenceMode guard around each call, the constructor included.
class TorchModel {
 public:
  struct Tokens {
    // [images, prefix tokens, channels]
    at::Tensor prefix;
    // [sum of the images' tokens, channels]
    at::Tensor features;
  };

  // Loads onto `device`. Files are full paths; adaptors are counted from 0 below, in this order.
  TorchModel(const std::string& backbone_file, const std::vector<std::string>& adaptor_files,
             c10::Device device);
  ~TorchModel();
  TorchModel(const TorchModel&) = delete;
  TorchModel& operator=(const TorchModel&) = delete;

  // images: [3, H, W] each, on the device.
  Tokens Backbone(const std::vector<at::Tensor>& images, const std::vector<bool>& conditioned);

  // prefix: as Backbone returned it, or some of its rows. -> [rows, channels]
  at::Tensor Summary(size_t adaptor, const at::Tensor& prefix);

  // features: tokens of some images; grids: int64 [images, 2], on the CPU. -> [tokens, channels]
  at::Tensor Features(size_t adaptor, const at::Tensor& features, const at::Tensor& grids);

 private:
  struct Modules;
  const std::unique_ptr<Modules> modules_;
};

}  // namespace radio

#endif  // RADIO_MODEL_ENGINE_TORCH_TORCH_MODEL_H_
