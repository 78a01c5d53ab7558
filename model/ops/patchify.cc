#include <ATen/Dispatch.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <vector>

#include "model/ops/operators.h"
#include "model/ops/parallel.h"

namespace radio::ops {
namespace {

struct Normalisation {
  std::array<float, 3> mean;
  std::array<float, 3> std;
};

// One image's place in the output.
struct Placement {
  int64_t grid_height;
  int64_t grid_width;
  int64_t first_patch;
};

// Channel `channel` of a uint8 value has only 256 results: a table holds them all.
template <typename Out>
class Uint8Map {
 public:
  Uint8Map(const Normalisation& norm, bool conditioned) {
    for (size_t c = 0; c < 3; ++c) {
      for (size_t value = 0; value < 256; ++value) {
        const float x = static_cast<float>(value) / 255.0f;
        table_[c][value] = static_cast<Out>(conditioned ? x : (x - norm.mean[c]) / norm.std[c]);
      }
    }
  }
  Out operator()(size_t channel, uint8_t value) const { return table_[channel][value]; }

 private:
  std::array<std::array<Out, 256>, 3> table_;
};

template <typename In, typename Out>
class FloatMap {
 public:
  FloatMap(const Normalisation& norm, bool conditioned) : norm_(norm) {
    if (conditioned) norm_ = {{0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}};
  }
  Out operator()(size_t channel, In value) const {
    return static_cast<Out>((static_cast<float>(value) - norm_.mean[channel]) / norm_.std[channel]);
  }

 private:
  Normalisation norm_;
};

// Writes the patches of grid rows [begin, end), counted within the image.
template <typename In, typename Out, typename Map>
void WriteGridRows(const at::Tensor& image, const Placement& place, const Map& map, int64_t p,
                   int64_t begin, int64_t end, Out* output) {
  const In* pixels = image.const_data_ptr<In>();
  const int64_t channel_stride = image.stride(0);
  const int64_t row_stride = image.stride(1);
  const int64_t column_stride = image.stride(2);
  for (int64_t gy = begin; gy < end; ++gy) {
    for (int64_t gx = 0; gx < place.grid_width; ++gx) {
      Out* out = output + (place.first_patch + gy * place.grid_width + gx) * 3 * p * p;
      for (size_t c = 0; c < 3; ++c) {
        for (int64_t y = 0; y < p; ++y) {
          const In* in = pixels + static_cast<int64_t>(c) * channel_stride +
                         (gy * p + y) * row_stride + gx * p * column_stride;
          for (int64_t x = 0; x < p; ++x) *out++ = map(c, in[x * column_stride]);
        }
      }
    }
  }
}

template <typename In, typename Out, typename Map>
void WriteImage(const at::Tensor& image, const Placement& place, const Map& map, int64_t p,
                Out* output) {
  at::parallel_for(0, place.grid_height, 1, [&](int64_t begin, int64_t end) {
    WriteGridRows<In>(image, place, map, p, begin, end, output);
  });
}

template <typename Out>
void WriteAnyImage(const at::Tensor& image, const Placement& place, const Normalisation& norm,
                   bool conditioned, int64_t p, Out* output) {
  if (image.scalar_type() == at::kByte) {
    WriteImage<uint8_t>(image, place, Uint8Map<Out>(norm, conditioned), p, output);
    return;
  }
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, image.scalar_type(), "patchify", [&] {
    WriteImage<scalar_t>(image, place, FloatMap<scalar_t, Out>(norm, conditioned), p, output);
  });
}

Normalisation ReadNormalisation(const at::Tensor& mean, const at::Tensor& std) {
  Normalisation norm;
  const auto read = [](const at::Tensor& values, const char* name, std::array<float, 3>* out) {
    TORCH_CHECK(values.scalar_type() == at::kFloat && values.numel() == 3, "patchify: ", name,
                " must be 3 float32 values, got ", values.sizes(), " ", values.scalar_type());
    const at::Tensor contiguous = values.contiguous();
    std::copy_n(contiguous.const_data_ptr<float>(), 3, out->begin());
  };
  read(mean, "mean", &norm.mean);
  read(std, "std", &norm.std);
  return norm;
}

std::vector<Placement> PlaceImages(at::TensorList images, int64_t p) {
  std::vector<Placement> places;
  int64_t patches = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    const at::Tensor& image = images[i];
    TORCH_CHECK(image.dim() == 3 && image.size(0) == 3, "patchify: images[", i,
                "] must be [3, H, W], got ", image.sizes());
    TORCH_CHECK(
        image.size(1) > 0 && image.size(1) % p == 0 && image.size(2) > 0 && image.size(2) % p == 0,
        "patchify: images[", i, "]: ", image.size(1), " x ", image.size(2),
        " is not a positive multiple of ", p);
    places.push_back({image.size(1) / p, image.size(2) / p, patches});
    patches += places.back().grid_height * places.back().grid_width;
  }
  return places;
}

}  // namespace

at::Tensor Patchify(at::TensorList images, const c10::List<bool>& conditioned,
                    const at::Tensor& mean, const at::Tensor& std, int64_t patch_size,
                    at::ScalarType dtype) {
  TORCH_CHECK(!images.empty(), "patchify: no images");
  TORCH_CHECK(conditioned.size() == images.size(), "patchify: ", images.size(), " images but ",
              conditioned.size(), " conditioned flags");
  TORCH_CHECK(patch_size > 0, "patchify: patch_size must be positive, got ", patch_size);
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf,
              "patchify: dtype must be float32, bfloat16 or float16, got ", dtype);
  const Normalisation norm = ReadNormalisation(mean, std);
  const std::vector<Placement> places = PlaceImages(images, patch_size);
  const int64_t total =
      places.back().first_patch + places.back().grid_height * places.back().grid_width;
  at::Tensor output =
      at::empty({total, 3 * patch_size * patch_size}, images[0].options().dtype(dtype));
  AT_DISPATCH_FLOATING_TYPES_AND2(at::kHalf, at::kBFloat16, dtype, "patchify", [&] {
    for (size_t i = 0; i < images.size(); ++i) {
      WriteAnyImage(images[i], places[i], norm, conditioned[i], patch_size,
                    output.mutable_data_ptr<scalar_t>());
    }
  });
  return output;
}

}  // namespace radio::ops
