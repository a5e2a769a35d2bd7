"""Text in or out: tokens, strings, caches."""

from __future__ import annotations

from typing import Final

from nngauge.analyse.task.clues import Clue, Rule, group
from nngauge.analyse.task.sketch import Sketch
from nngauge.domain.graph import DType, Tensor

_INTEGERS: Final = frozenset({DType.INT32, DType.INT64})
_ALL: Final = (
    "language-model text-classification text-embedding word-prediction smart-reply translation "
    "question-answering text-processing"
)
_TOKENIZERS: Final = (
    "BertTokenizer", "GPT2Tokenizer", "CLIPTokenizer", "SentencepieceTokenizer", "WordpieceTokenizer",
    "HfBertTokenizer", "RobertaTokenizer", "TFSentencepieceTokenizeOp", "FlexSentencepieceTokenizeOp",
    "WhitespaceTokenizer", "tftext:WhitespaceTokenizer", "custom_op_tokenizer", "RegexSplitWithOffsets",
    "FlexRegexSplitWithOffsets", "StringSplit", "FlexStringSplitV2", "FlexWordpieceTokenizeWithOffsets",
    "FlexRegexReplace", "BertTokenizerDecoder", "HfJsonTokenizer", "StringNormalizer", "TfIdfVectorizer",
    "DictVectorizer", "FlexStringToHashBucketFast", "Ngrams", "SequenceStringProjection", "PoolingOp",
    "ExpectedValueOp",
)  # fmt: skip
"""Operators that take text apart: ONNX Runtime Extensions, TensorFlow Text, TFLite Support, seq2seq projections."""
_ATTENTION: Final = (
    "RotaryEmbedding",
    "GroupQueryAttention",
    "RMSNormalization",
    "SimplifiedLayerNormalization",
    "SkipSimplifiedLayerNormalization",
)


def _strings(sketch: Sketch) -> Clue | None:
    if not any(tensor.dtype is DType.STRING for tensor in sketch.inputs):
        return None
    return Clue("string-input", "takes strings", group(2.2, _ALL))


def _tokenizers(sketch: Sketch) -> Clue | None:
    found = [kind for kind in _TOKENIZERS if kind in sketch.kinds]
    if not found:
        return None
    weights = sketch.count(
        "Gemm", "MatMul", "Conv", "LSTM", "Gather", "SVMClassifier", "LinearClassifier", "TreeEnsembleClassifier"
    )
    whole = all(head.tensor.dtype in (*_INTEGERS, DType.STRING, DType.UNKNOWN) for head in sketch.heads)
    if not weights or (whole and sketch.nodes <= 40):
        return Clue("tokenizer-only", f"{found[0]} and no network behind it", {"text-processing": 6.0})
    return Clue("tokenizer", f"takes text apart itself ({found[0]})", group(3.2, _ALL) | {"text-processing": 0.5})


def token_inputs(sketch: Sketch) -> tuple[Tensor, ...]:
    """Inputs of whole numbers that are looked up in an embedding."""
    return tuple([tensor for tensor in sketch.inputs if tensor.dtype in _INTEGERS and tensor.shape != ()])


def _looked_up(sketch: Sketch) -> int:
    return sketch.count("Gather", "EmbedLayerNormalization", "GatherBlockQuantized", "Embed", "EmbeddingBag")


def _row_length(tensor: Tensor) -> int | None:
    shape = tensor.shape
    if not shape or len(shape) > 2:
        return None
    return shape[-1] if isinstance(shape[-1], int) and shape[-1] > 0 else None


def _tokens(sketch: Sketch) -> Clue | None:
    found = token_inputs(sketch)
    if not found or sketch.pictures or not _looked_up(sketch):
        return None
    lengths = {length for tensor in found if (length := _row_length(tensor)) is not None}
    if (lengths and max(lengths) < 5) or all(len(tensor.shape or (1, 1)) < 2 for tensor in found):
        return None
    return Clue("token-input", f"looks up {max(lengths) if lengths else 'any number of'} tokens", group(2.4, _ALL))


def _average(sketch: Sketch) -> Clue | None:
    """Tokens or words, averaged or convolved, to a few probabilities."""
    text = token_inputs(sketch) or any(tensor.dtype is DType.STRING for tensor in sketch.inputs)
    if not text or sketch.pictures or not sketch.heads or len(sketch.heads) > 2:
        return None
    length = sketch.heads[0].length
    if length is None or not sketch.heads[0].squashed or not (_looked_up(sketch) or sketch.count(*_TOKENIZERS)):
        return None
    if length <= 30:
        return Clue("text-labels", f"text to {length} probabilities", {"text-classification": 4.4, "smart-reply": 0.3})
    if all(len(tensor.shape or (1, 1)) < 2 for tensor in token_inputs(sketch)):
        return None
    return Clue(
        "text-words",
        f"text to {length} probabilities",
        {"word-prediction": 2.6, "smart-reply": 1.0, "text-classification": 1.0},
    )


def _floats_to_labels(sketch: Sketch) -> Clue | None:
    """A row of some hundred word features (bag of words, padded numbers) to two or three classes."""
    if len(sketch.inputs) != 1 or len(sketch.heads) != 1 or sketch.pictures:
        return None
    length, made = _row_length(sketch.inputs[0]), sketch.heads[0].length
    embedded = _looked_up(sketch) and sketch.nodes < 60
    if (
        length is not None
        and 8 <= length <= 1024
        and made is not None
        and made <= 20
        and embedded
        and sketch.count("Gemm", "LSTM", "Conv")
    ):
        return Clue("words-labels", f"{length} looked-up words to {made} classes", {"text-classification": 4.6})
    return None


def _sentence(sketch: Sketch) -> Clue | None:
    text = token_inputs(sketch) or any(tensor.dtype is DType.STRING for tensor in sketch.inputs)
    if not text or sketch.pictures or not sketch.heads or sketch.heads[0].squashed:
        return None
    if not (_looked_up(sketch) or sketch.count(*_TOKENIZERS)):
        return None
    lengths = [head.length for head in sketch.heads]
    if any(length is not None and length >= 4 for length in lengths) and len(lengths) <= 3:
        return Clue("text-vector", f"text to {lengths[0]} numbers", {"text-embedding": 3.6})
    return None


def _answer(sketch: Sketch) -> Clue | None:
    """Where an answer begins and ends: two rows as long as the tokens."""
    found = token_inputs(sketch)
    lengths = {_row_length(tensor) for tensor in found}
    if len(found) not in (2, 3) or len(sketch.heads) != 2 or len(lengths) != 1 or None in lengths:
        return None
    if {head.length for head in sketch.heads} != lengths:
        return None
    return Clue("span", "begin and end in the tokens", {"question-answering": 6.0})


def _next_token(sketch: Sketch) -> Clue | None:
    if sketch.pictures or not (token_inputs(sketch) or sketch.count(*_TOKENIZERS)):
        return None
    for head in sketch.heads[:2]:
        dims = head.dims
        size = dims[-1] if dims else head.width
        if size is not None and size >= 5_000:
            return Clue(
                "vocabulary",
                f"scores for {size} tokens",
                {"language-model": 3.0, "word-prediction": 1.6, "translation": 1.4},
            )
    return None


def _cache(sketch: Sketch) -> Clue | None:
    """Keys and values of earlier tokens in and out."""
    ranks = [len(tensor.shape) for tensor in sketch.inputs if tensor.shape is not None]
    caches = sum(rank in (3, 4) for rank in ranks) if len(sketch.inputs) >= 9 else 0
    paired = len(sketch.inputs) >= 9 and len(sketch.heads) >= 9
    attention = sketch.count(*_ATTENTION)
    if (caches >= 8 and paired) or (paired and attention >= 4) or attention >= 16:
        return Clue("key-value-cache", "rotary attention or a cache of keys and values", {"language-model": 5.5})
    return None


def _decoder_norms(sketch: Sketch) -> Clue | None:
    """Many RMS or layer normalisations with products only: a transformer."""
    norms = sketch.count(
        "RMSNormalization", "LayerNormalization", "SkipLayerNormalization", "SimplifiedLayerNormalization"
    )
    if norms >= 8 and sketch.convolutions <= 2 and not sketch.pictures:
        votes = group(1.2, "language-model text-embedding translation")
        if sketch.count("MultiHeadAttention") >= 8:
            votes["text-embedding"] = 2.6
        return Clue("transformer", f"{norms} normalisations between products: a transformer", votes)
    return None


def _replies(sketch: Sketch) -> Clue | None:
    """The custom operators of TensorFlow's smart reply example."""
    if sketch.count("ExtractFeatures", "ExtractFeature") and sketch.count("Predict", "Normalize"):
        return Clue("reply-operators", "the operators of on-device smart reply", {"smart-reply": 7.0})
    return None


def _image_text(sketch: Sketch) -> Clue | None:
    """A picture and tokens together, to vectors: CLIP."""
    if sketch.pictures and token_inputs(sketch) and sketch.count("Softmax", "MultiHeadAttention", "Attention") >= 4:
        return Clue("image-and-text", "a picture and tokens, compared", {"image-embedding": 4.5, "text-embedding": 1.5})
    return None


RULES: Final[tuple[Rule, ...]] = (
    _strings, _tokenizers, _tokens, _average, _floats_to_labels, _sentence, _answer, _next_token, _cache,
    _decoder_norms, _replies, _image_text,
)  # fmt: skip
