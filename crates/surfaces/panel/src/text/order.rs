//! Texts of the area `order`.

use super::{Text, chinese, english};

pub(super) const TEXTS: &[Text] = &[
    english(
        "You have an unpaid or pending order, please try again later or cancel it",
        "您有未付款或开通中的订单，请稍后再试或将其取消",
        "您有未付款或開通中的訂單，請稍後再試或將其取消",
        "У вас есть неоплаченный или обрабатываемый заказ, попробуйте позже или отмените его",
    ),
    english(
        "This payment period cannot be purchased, please choose another period",
        "该订阅周期无法进行购买，请选择其他周期",
        "該訂閱週期無法進行購買，請選擇其他週期",
        "Этот период нельзя купить, выберите другой",
    ),
    english(
        "Subscription has expired or no active subscription, unable to purchase Data Reset Package",
        "订阅已过期或无有效订阅，无法购买流量重置包",
        "訂閱已過期或無有效訂閱，無法購買流量重置包",
        "Подписка истекла или её нет: пакет сброса трафика купить нельзя",
    ),
    english("Current product is sold out", "当前产品已售罄", "目前產品已售罄", "Этот товар распродан"),
    english(
        "This subscription has been sold out, please choose another subscription",
        "该订阅已售罄，请更换其他订阅",
        "該訂閱已售罄，請更換其他訂閱",
        "Эта подписка распродана, выберите другую",
    ),
    english(
        "This subscription cannot be renewed, please change to another subscription",
        "该订阅无法续费，请更换其他订阅",
        "該訂閱無法續費，請更換其他訂閱",
        "Эту подписку нельзя продлить, смените её на другую",
    ),
    english(
        "This subscription has expired, please change to another subscription",
        "订阅已过期，请更换其他订阅",
        "訂閱已過期，請更換其他訂閱",
        "Эта подписка истекла, смените её на другую",
    ),
    chinese(
        "目前不允许更改订阅，请联系客服或提交工单操作",
        "目前不允許更改訂閱，請聯絡客服或提交工單操作",
        "Changing the subscription is not allowed now, please contact support or open a ticket",
        "Сейчас сменить подписку нельзя, обратитесь в поддержку или создайте тикет",
    ),
    english("Wrong plan period", "订阅周期有误", "訂閱週期有誤", "Неверный период подписки"),
    english("Plan ID cannot be empty", "订阅ID不能为空", "訂閱ID不能為空", "Не указан ID подписки"),
    english("Order does not exist", "订单不存在", "訂單不存在", "Заказ не существует"),
    english(
        "Order does not exist or has been paid",
        "订单不存在或已支付",
        "訂單不存在或已支付",
        "Заказ не существует или уже оплачен",
    ),
    english(
        "You can only cancel pending orders",
        "只可以取消待支付订单",
        "只可以取消待支付訂單",
        "Отменить можно только неоплаченный заказ",
    ),
    chinese(
        "只能对待支付的订单进行操作",
        "只能對待支付的訂單進行操作",
        "Only pending orders can be changed",
        "Изменить можно только неоплаченный заказ",
    ),
    english("Invalid coupon", "优惠券无效", "優惠券無效", "Недействительный купон"),
    english("Coupon cannot be empty", "优惠券不能为空", "優惠券不能為空", "Не указан купон"),
    english(
        "This coupon is no longer available",
        "优惠券已无可用次数",
        "優惠券已無可用次數",
        "Купон больше не действует",
    ),
    english(
        "This coupon has not yet started",
        "优惠券还未到可用时间",
        "優惠券還未到可用時間",
        "Купон ещё не действует",
    ),
    english("This coupon has expired", "优惠券已过期", "優惠券已過期", "Срок действия купона истёк"),
    english(
        "The coupon code cannot be used for this subscription",
        "该订阅无法使用此优惠码",
        "該訂閱無法使用此優惠碼",
        "Этот купон нельзя применить к этой подписке",
    ),
    english(
        "The coupon code cannot be used for this period",
        "此优惠券无法用于该付款周期",
        "此優惠券無法用於該付款週期",
        "Этот купон нельзя применить к этому периоду",
    ),
    english(
        "The coupon can only be used :n per person",
        "该优惠券每人只能用 :n 次",
        "該優惠券每人只能用 :n 次",
        "Купон можно использовать на человека раз: :n",
    ),
    english(
        "Insufficient commission balance",
        "推广佣金余额不足",
        "推廣佣金餘額不足",
        "Недостаточно комиссионных средств",
    ),
    english(
        "The transfer amount parameter is wrong",
        "划转金额参数有误",
        "劃轉金額參數有誤",
        "Неверная сумма перевода",
    ),
    english("The commission has been paid out", "该订单佣金已发放", "該訂單佣金已發放", "Комиссия уже выплачена"),
    english("The coupon does not exist", "优惠券不存在", "優惠券不存在", "Купон не существует"),
    english("The coupon code exists already", "优惠码已存在", "優惠碼已存在", "Такой код купона уже есть"),
];
