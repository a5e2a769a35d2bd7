"""Operators of tmfile version 2 by number, and the fields of their parameters.

https://github.com/OAID/Tengine/blob/tengine-lite/source/serializer/tmfile/tm2_format.h (`TM2_OPTYPE_*`, `TM2_*Param`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# fmt: off
OP_NAMES: Final = (
    "Accuracy", "BatchNormalization", "BilinearResize", "Concat", "Const", "Convolution", "Deconvolution",
    "DetectionOutput", "DropOut", "Eltwise", "Flatten", "FullyConnected", "INPUT", "LRN", "Normalize", "Permute",
    "Pooling", "Prelu", "PriorBox", "Region", "ReLU", "ReLU6", "Reorg", "Reshape", "RoiPooling", "RPN", "Scale",
    "Slice", "SoftMax", "Split", "DetectionPostProcess", "Gemm", "Generic", "Logistic", "LSTM", "RNN", "TanH",
    "Sigmoid", "Squeeze", "FusedbnScaleRelu", "Pad", "StridedSlice", "ArgMax", "ArgMin", "TopKV2", "Reduction", "Max",
    "Min", "GRU", "Addn", "SwapAxis", "Upsample", "SpaceToBatchND", "BatchToSpaceND", "Resize", "ShuffleChannel",
    "Crop", "ROIAlign", "Psroipooling", "Unary", "Expanddims", "Bias", "Noop", "Threshold", "Hardsigmoid", "Embed",
    "InstanceNorm", "MVN", "Absval", "Cast", "HardSwish", "Interp", "SELU", "ELU", "BroadMul", "Logical", "Gather",
    "Transpose", "Comparison", "SpaceToDepth", "DepthToSpace", "Reverse", "SparseToDense", "Ceil",
    "SquaredDifference", "Round", "ZerosLike", "Clip", "Unsqueeze", "ReduceL2", "Mean", "MatMul", "Expand", "Scatter",
    "Shape", "Where", "Tile", "Mish", "L2Pool", "LogSoftmax", "ReLU1", "L2Normalization", "Softplus", "Reciprocal",
    "operator 104", "SpatialTransformer", "Gelu", "LayerNorm",
)
# fmt: on

_WINDOW: Final = "kernel_h kernel_w stride_h stride_w"
_PADS: Final = "pad_h0 pad_w0 pad_h1 pad_w1"
FIELDS: Final[Mapping[str, str]] = {
    "ArgMax": "axis keepdims",
    "ArgMin": "axis keepdims",
    "BatchNormalization": "*rescale_factor *eps caffe_flavor",
    "BilinearResize": "*scale_x *scale_y type",
    "BatchToSpaceND": "dilation_x dilation_y crop_top crop_bottom crop_left crop_right",
    "Cast": "type_from type_to",
    "Clip": "*max *min",
    "Comparison": "type",
    "Concat": "axis",
    "Convolution": f"{_WINDOW} dilation_h dilation_w input_channel output_channel group activation {_PADS}",
    "Crop": "num_args offset_c offset_h offset_w crop_h crop_w center_crop axis flag",
    "Deconvolution": (
        f"num_output {_WINDOW} pad_w0 pad_h0 pad_w1 pad_h1 dilation_h dilation_w group activation output_pad_h0 "
        "output_pad_w0"
    ),
    "DepthToSpace": "block_size",
    "DetectionOutput": "num_classes keep_top_k nms_top_k",
    "ELU": "*alpha",
    "Eltwise": "type caffe_flavor",
    "Embed": "num_output input_dim bias_term weight_data_size",
    "Expand": "@shape dim_num",
    "Expanddims": "axis",
    "Flatten": "axis end_axis",
    "FullyConnected": "num_output",
    "GRU": "*clip output_len sequence_len input_size hidden_size",
    "Gather": "axis indices_num",
    "Gemm": "*alpha *beta transA transB",
    "Generic": "max_input_num max_output_num $name",
    "HardSwish": "*alpha *beta",
    "Hardsigmoid": "*alpha *beta",
    "Interp": "resize_type *width_scale *height_scale output_width output_height",
    "L2Pool": f"padding {_WINDOW}",
    "LRN": "local_size *alpha *beta norm_region *k",
    "LSTM": "*forget_bias *clip output_len sequence_len input_size hidden_size",
    "LayerNorm": "*eps",
    "LogSoftmax": "axis",
    "Logical": "type",
    "Pad": "n_0 n_1 c_0 c_1 h_0 h_1 w_0 w_1 mode",
    "Permute": "flag order0 order1 order2 order3",
    "Pooling": f"alg {_WINDOW} global caffe_flavor {_PADS}",
    "PriorBox": "@min_size @max_size @variance @aspect_ratio flip",
    "Psroipooling": "pooled_w pooled_h *spatial_scale output_dim",
    "RNN": "*clip output_len sequence_len input_size hidden_size",
    "ROIAlign": "pooled_w pooled_h",
    "ReLU": "*negative_slope",
    "ReduceL2": "axis keepdims",
    "Reduction": "dim_0 dim_1 dim_2 dim_3 type keepdims",
    "Reorg": "stride",
    "Reshape": "is_mxnet reverse @shape is_onnx",
    "Resize": "*scale_x *scale_y type",
    "RoiPooling": "pooled_h pooled_w",
    "Scale": "axis num_axes bias_term",
    "ShuffleChannel": "group",
    "Slice": "axis @slice_points @begins @sizes iscaffe ismxnet isonnx begin end step",
    "SoftMax": "axis",
    "SpaceToBatchND": "dilation_x dilation_y pad_top pad_bottom pad_left pad_right",
    "SpaceToDepth": "block_size",
    "Split": "axis split_dim flags @split_sizes",
    "Squeeze": "dim_0 dim_1 dim_2 dim_3",
    "StridedSlice": "begin_n end_n stride_n begin_c end_c stride_c begin_h end_h stride_h begin_w end_w stride_w",
    "SwapAxis": "dim_0 dim_1",
    "Tile": "frame_flag reps_size @reps",
    "TopKV2": "k sorted",
    "Transpose": "@perm",
    "Unary": "type",
    "Unsqueeze": "@axes",
    "Upsample": "*scale",
}
"""Operator → its 32-bit fields in order: plain names are integers, ``*`` floats, ``@`` references to vectors of
32-bit numbers, ``$`` references to texts. Flags of one byte are read with their padding."""
