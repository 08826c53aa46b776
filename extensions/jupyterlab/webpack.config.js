// Numbers of modules hang on the folder that it is built in, names do not: the same source is to give the same bytes.
module.exports = { optimization: { moduleIds: 'named' } };
